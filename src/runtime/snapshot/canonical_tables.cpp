#include "runtime/snapshot/canonical_tables.hpp"

#include "wire/radix_sort.hpp"

#include <algorithm>

namespace memtrace::runtime {
namespace {

// Never negative in the file. A copy that is taken while the program runs could be, by a race.
std::uint64_t not_negative(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

bool has_content(const SnapshotRow& row) {
  return row.live.size > 0 || row.live.count > 0 || row.peak.size > 0 || row.peak.count > 0 ||
         row.total.size > 0 || row.total.count > 0;
}

}  // namespace

bool CanonicalTables::build() {
  unknown_ = std::any_of(data_.rows.begin(), data_.rows.end(),
                         [](const SnapshotRow& row) { return row.node == 0 && has_content(row); });
  if (!allocate()) return false;
  mark_used();
  if (!frames_.build(unknown_) || (frames_.has_equal() && !merge_equal_nodes())) return false;
  return link_nodes() && number_nodes() && sort_domains() && sort_rows();
}

bool CanonicalTables::allocate() {
  return frames_.allocate() && used_.allocate(data_.nodes.size()) &&
         links_.allocate(data_.nodes.size() + 1);
}

void CanonicalTables::mark_used() {
  for (const SnapshotRow& row : data_.rows) {
    if (row.node != 0 && has_content(row)) used_[row.node] = 1;
  }
  for (std::size_t i = data_.nodes.size(); i-- > 1;) {
    if (used_[i] == 0) continue;
    ++used_nodes_;
    used_[data_.nodes[i].parent] = 1;
    frames_.use(data_.nodes[i].location);
  }
}

// Nodes that differ by nothing but equal frames become one: a rare pass, after a library was loaded
// anew. Parents come before their children, so that one look at each node is enough.
bool CanonicalTables::merge_equal_nodes() {
  std::size_t slots = 1024;
  while (slots < 2 * std::size_t{used_nodes_}) slots *= 2;
  MappedArray<std::uint32_t> table;
  if (!table.allocate(slots) || !merged_into_.allocate(data_.nodes.size())) return false;
  for (std::uint32_t i = 1; i < data_.nodes.size(); ++i) {
    if (used_[i] == 0) continue;
    const std::uint32_t parent = merged_into_[data_.nodes[i].parent];
    const std::uint32_t frame = frames_.id_of(data_.nodes[i].location);
    constexpr std::uint64_t kMixer = 0x9E3779B97F4A7C15;
    std::uint64_t slot = ((std::uint64_t{parent} << 32 | frame) * kMixer) >> 20;
    for (;; ++slot) {
      std::uint32_t& node = table[slot & (slots - 1)];
      if (node == 0) node = i;
      merged_into_[i] = node;
      if (node == i) break;
      const NodeRecord& other = data_.nodes[node];
      if (merged_into_[other.parent] == parent && frames_.id_of(other.location) == frame) break;
    }
    if (merged_into_[i] == i) continue;
    used_[i] = 0;
    --used_nodes_;
  }
  return true;
}

std::uint32_t CanonicalTables::link_of(std::uint32_t node) const {
  if (node == 0) return static_cast<std::uint32_t>(data_.nodes.size());
  return merged_into_.size() == 0 ? node : merged_into_[node];
}

// Sorts the nodes by frame, then takes them in descending order and puts each in front of its
// siblings: a sort of all children in linear time.
bool CanonicalTables::link_nodes() {
  MappedArray<std::uint32_t> position;  // by frame: of its first node, then behind its last
  MappedArray<LinkedNode> order;
  const std::size_t count = used_nodes_ + (unknown_ ? 1U : 0U);
  if (!position.allocate(frames_.frames().size() + 1) || !order.allocate(count)) return false;
  for (std::size_t i = 1; i < data_.nodes.size(); ++i) {
    if (used_[i] != 0) ++position[frames_.id_of(data_.nodes[i].location) + 1];
  }
  if (unknown_) ++position[frames_.unknown() + 1];
  for (std::size_t frame = 1; frame < position.size(); ++frame) {
    position[frame] += position[frame - 1];
  }
  if (unknown_) {
    links_[link_of(0)].frame = frames_.unknown();
    order[position[frames_.unknown()]++] = {.node = link_of(0), .parent = 0};
  }
  for (std::uint32_t i = 1; i < data_.nodes.size(); ++i) {
    if (used_[i] == 0) continue;
    const NodeRecord& node = data_.nodes[i];
    const std::uint32_t frame = frames_.id_of(node.location);
    const std::uint32_t parent = node.parent == 0 ? 0 : link_of(node.parent);
    links_[i] = {.parent = parent, .frame = frame};
    order[position[frame]++] = {.node = i, .parent = parent};
  }
  link_children(order.items());
  return true;
}

// The nodes lie anywhere: nearly all of the time would go into waiting for memory.
void CanonicalTables::link_children(std::span<const LinkedNode> order) {
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = order.size(); i-- > 0;) {
    if (i >= kAhead) {
      __builtin_prefetch(&links_[order[i - kAhead].node], 1);
      __builtin_prefetch(&links_[order[i - kAhead].parent], 1);
    }
    Link& parent = links_[order[i].parent];
    links_[order[i].node].next = parent.child;
    parent.child = order[i].node;
  }
}

// The walk, depth first.
bool CanonicalTables::number_nodes() {
  if (!nodes_.allocate(used_nodes_ + (unknown_ ? 1U : 0U))) return false;
  std::uint32_t node = links_[0].child;
  std::uint32_t up = 0;
  for (std::uint32_t number = 0; number < nodes_.size();) {
    Link& link = links_[node];
    nodes_[number] = {.up = up, .frame = link.frame};
    const std::uint32_t child = link.child;
    link.child = ++number;
    up = 0;
    if (child != 0) {
      node = child;
      continue;
    }
    for (++up; links_[node].next == 0 && node != 0; ++up) node = links_[node].parent;
    node = links_[node].next;
  }
  return true;
}

bool CanonicalTables::sort_domains() {
  MappedArray<wire::KeyedItem> order, scratch;
  const std::size_t rows = data_.rows.size();
  if (!order.allocate(rows) || !scratch.allocate(rows) || !domains_.allocate(rows)) return false;
  std::size_t used = 0;
  for (const SnapshotRow& row : data_.rows) {
    if (has_content(row)) order[used++] = {.key = row.domain};
  }
  wire::radix_sort(order.items().first(used), scratch.items());
  std::size_t domains = 0;
  for (const wire::KeyedItem& entry : order.items().first(used)) {
    const auto number = static_cast<std::uint32_t>(entry.key);
    if (domains == 0 || domains_[domains - 1] != number) domains_[domains++] = number;
  }
  domains_.shorten(domains);
  return true;
}

bool CanonicalTables::sort_rows() {
  MappedArray<wire::KeyedItem> order, scratch;
  const std::size_t size = data_.rows.size();
  if (!order.allocate(size) || !scratch.allocate(size) || !rows_.allocate(size)) return false;
  std::size_t used = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    const SnapshotRow& row = data_.rows[i];
    if (!has_content(row)) continue;
    const std::uint64_t node = links_[link_of(row.node)].child;
    order[used++] = {.key = node << 32 | row.domain, .item = i};
  }
  wire::radix_sort(order.items().first(used), scratch.items());
  rows_.shorten(0);
  for (const auto& [key, item] : order.items().first(used)) add_row(key, data_.rows[item]);
  return true;
}

// Rows of nodes that became one add up.
void CanonicalTables::add_row(std::uint64_t key, const SnapshotRow& row) {
  const auto node = static_cast<std::uint32_t>(key >> 32);
  const auto domain =
      std::lower_bound(domains_.begin(), domains_.end(), static_cast<std::uint32_t>(key));
  const auto domain_id = static_cast<std::uint32_t>(domain - domains_.begin());
  const std::size_t size = rows_.size();
  const bool again =
      size > 0 && rows_[size - 1].node == node && rows_[size - 1].domain == domain_id;
  if (!again) {
    rows_.shorten(size + 1);
    rows_[size] = {.node = node, .domain = domain_id};
  }
  CanonicalRow& to = rows_[rows_.size() - 1];
  std::size_t column = 0;
  for (const Counter& counter : {row.live, row.peak, row.total}) {
    to.values[column++] += not_negative(counter.size);
    to.values[column++] += not_negative(counter.count);
  }
  column = 0;
  for (const Variance& variance : {row.live_variance, row.peak_variance, row.total_variance}) {
    to.variances[column++] += std::max(variance.size, 0.0);
    to.variances[column++] += std::max(variance.count, 0.0);
  }
}

}  // namespace memtrace::runtime
