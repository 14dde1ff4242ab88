#include "runtime/stacks/traceback_table.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/stacks/stack_cache.hpp"

namespace memtrace::runtime {
namespace {

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = text.size();
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t taken = std::min(text.size(), sizeof word);
    std::memcpy(&word, text.data(), taken);
    hash = scatter(hash, word);
    text.remove_prefix(taken);
  }
  return hash;
}

}  // namespace

std::uint32_t TextTable::id_of(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  const std::uint32_t known =
      texts_by_content_.find(hash, [&](std::uint32_t id) { return texts_[id] == text; });
  if (known != IdIndex::kNotFound) return known;
  const char* const copied = copy(text);
  const std::uint32_t id = texts_.size();
  if (copied == nullptr || !texts_.push_back({copied, text.size()})) return IdIndex::kNotFound;
  return texts_by_content_.add(hash, id) ? id : IdIndex::kNotFound;
}

const char* TextTable::copy(std::string_view text) {
  constexpr std::size_t kAtOnce = std::size_t{256} << 10;
  if (text.empty()) return "";
  if (text.size() > room_size_) {
    const std::size_t size = std::max(kAtOnce, text.size());
    room_ = static_cast<char*>(map_memory(size));
    room_size_ = room_ == nullptr ? 0 : size;
    if (room_ == nullptr) return nullptr;
  }
  char* const copied = room_;
  std::memcpy(copied, text.data(), text.size());
  room_ += text.size();
  room_size_ -= text.size();
  return copied;
}

namespace {

// The id of the equal item that is there, or of the appended one; kNotFound where there is no
// memory.
template <class Item, class IsEqual>
std::uint32_t find_or_append(AppendOnly<Item>& items, IdIndex& index, std::uint64_t hash,
                             const Item& item, IsEqual&& is_equal) {
  const std::uint32_t known =
      index.find(hash, [&](std::uint32_t id) { return is_equal(items[id]); });
  if (known != IdIndex::kNotFound) return known;
  const std::uint32_t id = items.size();
  if (!items.push_back(item) || !index.add(hash, id)) return IdIndex::kNotFound;
  return id;
}

std::uint64_t hash_of(std::span<const UnwoundFrame> frames, bool truncated, std::uint32_t domain,
                      std::uint32_t generation) {
  PairHash hash;
  hash.add(std::uint64_t{domain} << 1 | (truncated ? 1U : 0U),
           std::uint64_t{generation} << 32 | frames.size());
  for (std::size_t frame = 0; frame < frames.size(); frame += 2) {
    const bool pair = frame + 1 < frames.size();
    // An address has 47 bits, so what is shifted out is nothing.
    hash.add(frames[frame].pc << 1 | (frames[frame].exact ? 1U : 0U),
             pair ? frames[frame + 1].pc << 1 | (frames[frame + 1].exact ? 1U : 0U) : 0);
  }
  return hash.finish() | 1;
}

}  // namespace

bool TracebackTable::prepare() {
  const Locked locked(lock_);
  if (records_.size() != 0) return true;
  if (!known_.prepare()) return false;
  // Node 0 is the root, record 0 is none.
  return nodes_.push_back({}) && first_children_.push_back(0) && records_.push_back({});
}

void TracebackTable::release() {
  const Locked locked(lock_);
  known_.release();
  nodes_.clear();
  first_children_.clear();
  records_.clear();
}

RecordId TracebackTable::record_of(std::span<const UnwoundFrame> frames, bool truncated,
                                   std::uint32_t domain) {
  const std::uint32_t generation = code_generation.addresses.load(std::memory_order_acquire);
  const std::uint64_t hash = hash_of(frames, truncated, domain, generation);
  const RecordId known = known_.find(hash);
  if (known != kNoRecord) return known;
  const Locked locked(lock_);
  const RecordId meanwhile = known_.find(hash);
  if (meanwhile != kNoRecord) return meanwhile;
  const RecordId made = add(frames, truncated, domain, generation);
  return made != kNoRecord && known_.put(hash, made, generation) ? made : kNoRecord;
}

RecordId TracebackTable::add(std::span<const UnwoundFrame> frames, bool truncated,
                             std::uint32_t domain, std::uint32_t generation) {
  if (latest_.generation != generation) latest_.depth = 0;
  latest_.generation = generation;
  std::uint32_t node = 0;
  bool is_same = true;
  for (std::size_t depth = 0; depth < frames.size(); ++depth) {
    const UnwoundFrame& frame = frames[frames.size() - 1 - depth];
    LatestStep& latest = latest_.steps[depth];
    is_same = is_same && depth < latest_.depth && latest.frame.pc == frame.pc &&
              latest.frame.exact == frame.exact;
    if (!is_same && frame.pc - left_out_begin_ < left_out_end_ - left_out_begin_) {
      latest = {frame, node};
      latest_.depth = depth + 1;
    } else if (!is_same) {
      const std::uint32_t location = location_of(frame, generation);
      if (location == IdIndex::kNotFound) return kNoRecord;
      latest_.depth = depth;
      latest = {frame, node_of(node, location)};
      if (latest.node == IdIndex::kNotFound) return kNoRecord;
      latest_.depth = depth + 1;
    }
    node = latest.node;
  }
  return record_of({.node = node, .domain = domain & 0x7FFFFFFF, .truncated = truncated ? 1U : 0U});
}

std::uint32_t TracebackTable::location_of(const UnwoundFrame& frame, std::uint32_t generation) {
  LocationOfCall& known = known_locations_[scatter(frame.pc) % known_locations_.size()];
  if (known.pc == frame.pc && known.generation == generation && !frame.exact) return known.location;
  const CodeLocation location = modules_.locate(frame.pc, frame.exact, generation);
  const std::uint32_t id = id_of(location);
  if (!frame.exact && id != IdIndex::kNotFound) known = {frame.pc, generation, id};
  return id;
}

std::uint32_t TracebackTable::id_of(const CodeLocation& location) {
  const std::uint64_t hash = scatter(
      location.offset, std::uint64_t{location.module} << 2 | static_cast<unsigned>(location.kind));
  return find_or_append(locations_, locations_by_content_, hash, location,
                        [&](const CodeLocation& other) { return other == location; });
}

std::uint32_t TracebackTable::machine_location(const UnwoundFrame& frame) {
  const std::uint32_t generation = code_generation.addresses.load(std::memory_order_acquire);
  const Locked locked(lock_);
  return location_of(frame, generation);
}

std::uint32_t TracebackTable::source_location(std::string_view file, std::string_view function,
                                              std::uint32_t line) {
  const Locked locked(lock_);
  const std::uint32_t file_id = texts_.id_of(file), function_id = texts_.id_of(function);
  if (file_id == IdIndex::kNotFound || function_id == IdIndex::kNotFound) return IdIndex::kNotFound;
  return id_of(CodeLocation::of_source({file_id, function_id, line}));
}

RecordId TracebackTable::record_of_path(std::span<const std::uint32_t> locations, RecordKey key,
                                        std::uint32_t* nodes) {
  const Locked locked(lock_);
  for (std::size_t depth = locations.size(); depth-- > 0;) {
    key.node = node_of(key.node, locations[depth]);
    if (key.node == IdIndex::kNotFound) return kNoRecord;
    *nodes++ = key.node;
  }
  return record_of(key);
}

std::uint32_t TracebackTable::node_of(std::uint32_t parent, std::uint32_t location) {
  const std::uint32_t first = first_children_[parent];
  if (first != 0 && nodes_[first].location == location) return first;
  const NodeRecord node{parent, location};
  // Before the node is there: one that has none is never seen.
  const bool has_room = first_children_.size() > nodes_.size() || first_children_.push_back(0);
  if (!has_room) return IdIndex::kNotFound;
  if (first != 0) {
    const auto is_equal = [&](const NodeRecord& other) {
      return other.parent == parent && other.location == location;
    };
    return find_or_append(nodes_, other_children_, scatter(parent, location), node, is_equal);
  }
  const std::uint32_t id = nodes_.size();
  if (!nodes_.push_back(node)) return IdIndex::kNotFound;
  first_children_[parent] = id;
  return id;
}

RecordId TracebackTable::record_of(const RecordKey& key) {
  const std::uint32_t id =
      find_or_append(records_, records_by_content_,
                     scatter(key.node, std::uint64_t{key.all_frames} << 32 | key.domain), key,
                     [&](const RecordKey& other) {
                       return other.node == key.node && other.domain == key.domain &&
                              other.all_frames == key.all_frames;
                     });
  return id == IdIndex::kNotFound ? kNoRecord : id;
}

}  // namespace memtrace::runtime
