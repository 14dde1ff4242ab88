#include "runtime/tracer/live_blocks.hpp"

#include <algorithm>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/tracer/events.hpp"

namespace memtrace::runtime {

void LiveBlocks::collect() {
  const auto add_counted = [&](const auto& /*key*/, const Block& block) {
    if (block.record != kOwnRecord) add(block.record, block.size);
  };
  tables.shadow.for_each(add_counted);
  tables.blocks.for_each(add_counted);
  tables.tracked.for_each(add_counted);
}

std::span<const BlockGroup> LiveBlocks::groups() {
  BlockGroup* const end = std::remove_if(places_, places_ + capacity_,
                                         [](const BlockGroup& group) { return group.count == 0; });
  return {places_, static_cast<std::size_t>(end - places_)};
}

void LiveBlocks::add(std::uint32_t record, std::int64_t size) {
  if (used_ * 2 >= capacity_ && !grow()) {
    is_whole_ = false;
    return;
  }
  BlockGroup& group = find(places_, capacity_, record, size);
  if (group.count++ > 0) return;
  group.record = record;
  group.size = size;
  ++used_;
}

BlockGroup& LiveBlocks::find(BlockGroup* places, std::size_t capacity, std::uint32_t record,
                             std::int64_t size) {
  std::size_t place = scatter(record, static_cast<std::uint64_t>(size)) & (capacity - 1);
  while (places[place].count > 0 &&
         (places[place].record != record || places[place].size != size)) {
    place = (place + 1) & (capacity - 1);
  }
  return places[place];
}

bool LiveBlocks::grow() {
  constexpr std::size_t kFirstCapacity = 4096;
  const std::size_t capacity = capacity_ == 0 ? kFirstCapacity : 2 * capacity_;
  auto* const larger = static_cast<BlockGroup*>(map_backed_memory(capacity * sizeof(BlockGroup)));
  if (larger == nullptr) return used_ < capacity_ - 1 && capacity_ > 0;
  for (const BlockGroup& group : std::span(places_, capacity_)) {
    if (group.count > 0) find(larger, capacity, group.record, group.size) = group;
  }
  unmap_memory(places_, capacity_ * sizeof(BlockGroup));
  places_ = larger;
  capacity_ = capacity;
  return true;
}

}  // namespace memtrace::runtime
