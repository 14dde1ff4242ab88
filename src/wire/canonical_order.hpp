// The one order in which a snapshot's content is written (formats/snapshot.md, "One content, one
// file").
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>

#include "wire/encoding_memory.hpp"
#include "wire/golden_ratio.hpp"
#include "wire/plain_tables.hpp"
#include "wire/radix_sort.hpp"

namespace memtrace::wire {

// Tables are whatever has a snapshot's content:
//
//   strings(), modules(), frames(), nodes(), domains(), rows()   how many there are
//   string(i), module(i), frame(i), node(i), domain(i)           node 0 is the root
//   row_node(i), row_domain(i), has_content(i)                   of row i, never the root's
//   has_column(c), values(c)(i)                                  values(c) is kept by value
//   has_variance(c), variances(c)(i)
//
// Any order will do, things may come several times, and rows of the same node and domain add up.
// What no row with content uses is left out, but for modules and domains: that a library was loaded
// is worth knowing. Time and memory are linear in frames, nodes and rows. The tables must live on.
template <class Tables>
class CanonicalOrder {
 public:
  CanonicalOrder(const Tables& tables, const EncodingMemory& memory)
      : tables_(tables), memory_(memory) {}

  // Once, before anything else. false where memory ran out.
  bool build() {
    return allocate() && mark_used() && sort_strings() && sort_modules() && sort_frames() &&
           (!has_equal_frames_ || merge_equal_nodes()) && link_nodes() && number_nodes() &&
           sort_domains() && sort_rows();
  }

  struct NumberedNode {
    std::uint32_t up = 0;  // steps towards the root from the node before it
    std::uint32_t frame = 0;
  };

  // In the file's order.
  [[nodiscard]] std::span<const std::string_view> strings() const { return strings_.items(); }
  [[nodiscard]] std::span<const PlainModule> modules() const { return modules_.items(); }
  [[nodiscard]] std::span<const NumberedNode> nodes() const { return nodes_.items(); }
  [[nodiscard]] std::span<const std::uint32_t> domains() const { return domains_.items(); }
  // The tables' number of each frame; the frame itself, with the file's numbers in it.
  [[nodiscard]] std::span<const std::uint32_t> frames() const { return frames_.items(); }
  [[nodiscard]] PlainFrame frame(std::uint32_t number) const {
    PlainFrame frame = tables_.frame(number);
    // What is unknown is behind all others, as near as can be: fewer bytes to sort by.
    frame.module = frame.module == kNoIndex ? module_count() : module_ids_[frame.module];
    if (frame.is_address()) return frame;
    frame.filename = frame.filename == kNoIndex ? string_count() : string_ids_[frame.filename];
    frame.function = frame.function == kNoIndex ? string_count() : string_ids_[frame.function];
    return frame;
  }

  [[nodiscard]] std::uint32_t rows() const { return row_count_; }
  // Calls visit(node, domain), with the file's numbers, for each row.
  template <class Visit>
  void for_each_place(Visit&& visit) const {
    const std::span<const std::uint32_t> order = rows_.items();
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (!is_again(i)) visit(node_of(order[i]), domain_of(order[i]));
    }
  }
  // Calls visit(sum) for each row, of what value_of(row) says of the tables' rows.
  template <class ValueOf, class Visit>
  void for_each_sum(ValueOf value_of, Visit&& visit) const {
    const std::span<const std::uint32_t> order = rows_.items();
    if (again_.size() == 0) {
      for (const std::uint32_t row : order) visit(value_of(row));
      return;
    }
    for (std::size_t i = 0; i < order.size();) {
      auto sum = value_of(order[i]);
      while (++i < order.size() && again_[i] != 0) sum += value_of(order[i]);
      visit(sum);
    }
  }
  // The tables' rows with content.
  [[nodiscard]] std::span<const std::uint32_t> all_rows() const { return rows_.items(); }

 private:
  static constexpr std::uint32_t kUsed = 1;

  // A node while its place is looked for. 0 is the root, which is nobody's child: "none".
  struct Link {
    std::uint32_t parent = 0;
    std::uint32_t frame = 0;
    std::uint32_t next = 0;   // sibling
    std::uint32_t child = 0;  // the first one; the node's new number once it has one
  };

  struct LinkedNode {
    std::uint32_t node = 0;
    std::uint32_t parent = 0;
  };

  struct Name {
    std::string_view text;
    std::uint32_t* id = nullptr;  // where its number goes
  };

  [[nodiscard]] std::uint32_t string_count() const {
    return static_cast<std::uint32_t>(strings_.size());
  }
  [[nodiscard]] std::uint32_t module_count() const {
    return static_cast<std::uint32_t>(modules_.size());
  }

  bool allocate() {
    return string_ids_.allocate(memory_, tables_.strings()) &&
           module_ids_.allocate(memory_, tables_.modules()) &&
           frame_ids_.allocate(memory_, tables_.frames()) &&
           used_.allocate(memory_, tables_.nodes()) && rows_.allocate(memory_, tables_.rows());
  }

  bool mark_used() {
    std::size_t rows = 0;
    for (std::uint32_t row = 0; row < tables_.rows(); ++row) {
      if (!tables_.has_content(row)) continue;
      used_[tables_.row_node(row)] = 1;
      rows_[rows++] = row;
    }
    rows_.shorten(rows);
    for (std::uint32_t i = tables_.nodes(); i-- > 1;) {
      if (used_[i] == 0) continue;
      ++used_nodes_;
      const PlainNode node = tables_.node(i);
      used_[node.parent] = 1;
      frame_ids_[node.frame] = kUsed;
    }
    return true;
  }

  void use_string(std::uint32_t string) {
    if (string != kNoIndex) string_ids_[string] = kUsed;
  }

  void mark_used_strings() {
    for (std::uint32_t i = 0; i < tables_.modules(); ++i) use_string(tables_.module(i).name);
    for (std::uint32_t i = 0; i < tables_.frames(); ++i) {
      if (frame_ids_[i] == 0) continue;
      ++used_frames_;
      const PlainFrame frame = tables_.frame(i);
      if (frame.is_address()) continue;
      use_string(frame.filename);
      use_string(frame.function);
      has_detailed_frames_ |= frame.module != kNoIndex || frame.kind != PlainFrameKind::source;
    }
  }

  bool sort_strings() {
    mark_used_strings();
    std::size_t used = 0;
    for (const std::uint32_t mark : string_ids_.items()) used += mark;
    EncodingArray<Name> names;
    if (!names.allocate(memory_, used) || !strings_.allocate(memory_, used)) return false;
    used = 0;
    for (std::uint32_t i = 0; i < string_ids_.size(); ++i) {
      if (string_ids_[i] != 0) names[used++] = {tables_.string(i), &string_ids_[i]};
    }
    std::sort(names.begin(), names.end(),
              [](const Name& a, const Name& b) { return a.text < b.text; });
    std::uint32_t strings = 0;
    for (const Name& name : names.items()) {
      if (strings == 0 || strings_[strings - 1] != name.text) strings_[strings++] = name.text;
      *name.id = strings - 1;
    }
    strings_.shorten(strings);
    return true;
  }

  bool sort_modules() {
    EncodingArray<PlainModule> unsorted;
    EncodingArray<std::uint32_t> order;
    const std::uint32_t size = tables_.modules();
    if (!unsorted.allocate(memory_, size) || !order.allocate(memory_, size) ||
        !modules_.allocate(memory_, size)) {
      return false;
    }
    for (std::uint32_t i = 0; i < size; ++i) {
      unsorted[i] = tables_.module(i);
      if (unsorted[i].name != kNoIndex) unsorted[i].name = string_ids_[unsorted[i].name];
    }
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return unsorted[a] < unsorted[b]; });
    std::uint32_t modules = 0;
    for (const std::uint32_t i : order.items()) {
      if (modules == 0 || modules_[modules - 1] != unsorted[i]) modules_[modules++] = unsorted[i];
      module_ids_[i] = modules - 1;
    }
    modules_.shorten(modules);
    return true;
  }

  bool sort_frames() {
    EncodingArray<KeyedItem> order, scratch;
    if (!order.allocate(memory_, used_frames_) || !scratch.allocate(memory_, used_frames_) ||
        !frames_.allocate(memory_, used_frames_)) {
      return false;
    }
    std::size_t next = 0;
    for (std::uint32_t i = 0; i < frame_ids_.size(); ++i) {
      if (frame_ids_[i] != 0) order[next++].item = i;
    }
    if (has_detailed_frames_) sort_frames_by(&FrameKey::rest, order.items(), scratch.items());
    sort_frames_by(&FrameKey::low, order.items(), scratch.items());
    sort_frames_by(&FrameKey::high, order.items(), scratch.items());
    std::uint32_t frames = 0;
    FrameKey last;
    for (const KeyedItem& entry : order.items()) {
      const FrameKey key = key_of(frame(entry.item));
      if (frames > 0 && key == last) {
        has_equal_frames_ = true;
      } else {
        frames_[frames++] = entry.item;
      }
      frame_ids_[entry.item] = frames - 1;
      last = key;
    }
    frames_.shorten(frames);
    return true;
  }

  void sort_frames_by(std::uint64_t FrameKey::*word, std::span<KeyedItem> order,
                      std::span<KeyedItem> scratch) const {
    for (KeyedItem& entry : order) entry.key = key_of(frame(entry.item)).*word;
    radix_sort(order, scratch);
  }

  // Nodes that differ by nothing but equal frames become one: a rare pass, after a library was
  // loaded anew. Parents come before their children, so that one look at each node is enough.
  bool merge_equal_nodes() {
    std::size_t slots = 1024;
    while (slots < 2 * std::size_t{used_nodes_}) slots *= 2;
    EncodingArray<std::uint32_t> table;
    if (!table.allocate(memory_, slots) || !merged_into_.allocate(memory_, tables_.nodes())) {
      return false;
    }
    for (std::uint32_t i = 1; i < tables_.nodes(); ++i) {
      if (used_[i] == 0) continue;
      const PlainNode node = tables_.node(i);
      const std::uint32_t parent = merged_into_[node.parent];
      const std::uint32_t frame = frame_ids_[node.frame];
      std::uint64_t slot = ((std::uint64_t{parent} << 32 | frame) * kGoldenRatio) >> 20;
      for (;; ++slot) {
        std::uint32_t& found = table[slot & (slots - 1)];
        if (found == 0) found = i;
        merged_into_[i] = found;
        if (found == i) break;
        const PlainNode other = tables_.node(found);
        if (merged_into_[other.parent] == parent && frame_ids_[other.frame] == frame) break;
      }
      if (merged_into_[i] == i) continue;
      used_[i] = 0;
      --used_nodes_;
    }
    return true;
  }

  [[nodiscard]] std::uint32_t representative(std::uint32_t node) const {
    return merged_into_.size() == 0 ? node : merged_into_[node];
  }

  // Sorts the nodes by frame, then takes them in descending order and puts each in front of its
  // siblings: a sort of all children in linear time.
  bool link_nodes() {
    EncodingArray<std::uint32_t> position;  // by frame: of its first node, then behind its last
    EncodingArray<LinkedNode> order;
    if (!position.allocate(memory_, frames_.size() + 1) || !order.allocate(memory_, used_nodes_) ||
        !links_.allocate(memory_, tables_.nodes())) {
      return false;
    }
    for (std::uint32_t i = 1; i < tables_.nodes(); ++i) {
      if (used_[i] != 0) ++position[frame_ids_[tables_.node(i).frame] + 1];
    }
    std::partial_sum(position.begin(), position.end(), position.begin());
    for (std::uint32_t i = 1; i < tables_.nodes(); ++i) {
      if (used_[i] == 0) continue;
      const PlainNode node = tables_.node(i);
      const std::uint32_t frame = frame_ids_[node.frame];
      const std::uint32_t parent = representative(node.parent);
      links_[i] = {.parent = parent, .frame = frame};
      order[position[frame]++] = {.node = i, .parent = parent};
    }
    link_children(order.items());
    used_.release();
    frame_ids_.release();
    return true;
  }

  // The nodes lie anywhere: nearly all of the time would go into waiting for memory.
  void link_children(std::span<const LinkedNode> order) {
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
  bool number_nodes() {
    if (!nodes_.allocate(memory_, used_nodes_)) return false;
    std::uint32_t node = used_nodes_ == 0 ? 0 : links_[0].child;
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

  bool sort_domains() {
    const std::uint32_t size = tables_.domains();
    if (!domains_.allocate(memory_, size) || !domain_ids_.allocate(memory_, size)) return false;
    std::iota(domains_.begin(), domains_.end(), 0U);
    std::sort(domains_.begin(), domains_.end(), [&](std::uint32_t a, std::uint32_t b) {
      return tables_.domain(a).number < tables_.domain(b).number;
    });
    for (std::uint32_t i = 0; i < size; ++i) domain_ids_[domains_[i]] = i;
    return true;
  }

  [[nodiscard]] std::uint32_t node_of(std::uint32_t row) const {
    return links_[representative(tables_.row_node(row))].child;
  }
  [[nodiscard]] std::uint32_t domain_of(std::uint32_t row) const {
    return domain_ids_[tables_.row_domain(row)];
  }
  // Whether a row, in order, is of the same node and domain as the one before.
  [[nodiscard]] bool is_again(std::size_t i) const { return again_.size() != 0 && again_[i] != 0; }

  // By domain, then, stably, by node.
  bool sort_rows() {
    EncodingArray<std::uint32_t> scratch;
    if (!scratch.allocate(memory_, rows_.size())) return false;
    if (domains_.size() > 1 && !counting_sort(scratch, domains_.size(), [this](std::uint32_t row) {
          return domain_of(row);
        })) {
      return false;
    }
    if (!counting_sort(scratch, nodes_.size() + 1,
                       [this](std::uint32_t row) { return node_of(row); })) {
      return false;
    }
    return find_equal_rows();
  }

  bool find_equal_rows() {
    row_count_ = static_cast<std::uint32_t>(rows_.size());
    std::uint64_t last = ~std::uint64_t{0};
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::uint64_t place = std::uint64_t{node_of(rows_[i])} << 32 | domain_of(rows_[i]);
      if (place == last) {
        if (again_.size() == 0 && !again_.allocate(memory_, rows_.size())) return false;
        again_[i] = 1;
        --row_count_;
      }
      last = place;
    }
    return true;
  }

  // Of the rows, by key_of(row) < keys.
  template <class KeyOf>
  bool counting_sort(EncodingArray<std::uint32_t>& scratch, std::size_t keys, const KeyOf& key_of) {
    EncodingArray<std::uint32_t> position;
    if (!position.allocate(memory_, keys + 1)) return false;
    for (const std::uint32_t row : rows_.items()) ++position[key_of(row) + 1];
    std::partial_sum(position.begin(), position.end(), position.begin());
    for (const std::uint32_t row : rows_.items()) scratch[position[key_of(row)]++] = row;
    rows_.swap(scratch);
    return true;
  }

  const Tables& tables_;
  const EncodingMemory& memory_;
  EncodingArray<std::uint32_t>
      string_ids_;  // by the tables' string; before its sort, if it is used
  EncodingArray<std::uint32_t> module_ids_;  // by the tables' module
  EncodingArray<std::uint32_t> frame_ids_;   // by the tables' frame; before its sort, if it is used
  EncodingArray<std::uint32_t> domain_ids_;  // by the tables' domain
  EncodingArray<std::uint8_t> used_;         // by the tables' node
  EncodingArray<Link> links_;                // by the tables' node
  EncodingArray<std::uint32_t> merged_into_;  // by the tables' node: the equal one; where any are
  std::uint32_t used_frames_ = 0;
  std::uint32_t used_nodes_ = 0;
  bool has_detailed_frames_ = false;  // source lines of a known module, or inlined
  bool has_equal_frames_ = false;     // two of the tables' became one

  EncodingArray<std::string_view> strings_;
  EncodingArray<PlainModule> modules_;
  EncodingArray<std::uint32_t> frames_;
  EncodingArray<NumberedNode> nodes_;
  EncodingArray<std::uint32_t> domains_;
  EncodingArray<std::uint32_t> rows_;  // the tables', those of one place side by side
  EncodingArray<std::uint8_t> again_;  // by row in that order; where any is
  std::uint32_t row_count_ = 0;
};

}  // namespace memtrace::wire
