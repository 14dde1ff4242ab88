#include "support/canonical_snapshot.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "model/row_builder.hpp"

namespace memtrace::test {
namespace {

template <class Id>
std::vector<Id> all_ids(std::size_t size) {
  std::vector<Id> ids(size);
  for (std::size_t i = 0; i < size; ++i) ids[i] = Id{static_cast<std::uint32_t>(i)};
  return ids;
}

// Stable, linear sort of items by a small integer key: `key(item)` < `keys`.
template <class Item, class Key>
std::vector<Item> counting_sort(const std::vector<Item>& items, std::size_t keys, const Key& key) {
  std::vector<std::size_t> position(keys + 1);
  for (const Item item : items) ++position[key(item) + 1];
  std::partial_sum(position.begin(), position.end(), position.begin());
  std::vector<Item> sorted(items.size());
  for (const Item item : items) sorted[position[key(item)]++] = item;
  return sorted;
}

bool has_content(const Rows& rows, std::size_t row) {
  return std::any_of(rows.columns.begin(), rows.columns.end(), [row](const auto& column) {
    return column && (column->size[row] != 0 || column->count[row] != 0);
  });
}

// As formats/snapshot.md says it.
std::tuple<bool, StringId, std::uint32_t, StringId, ModuleId, FrameKind, std::uint64_t> key_of(
    const Frame& frame) {
  return {frame.is_address(), frame.filename, frame.lineno, frame.function,
          frame.module,       frame.kind,     frame.offset};
}

// Old id -> new id for every table; kNone for what is not used.
class Canonicalizer {
 public:
  explicit Canonicalizer(const Snapshot& snapshot)
      : from_(snapshot),
        tables_(snapshot.tracebacks),
        used_nodes_(tables_.nodes.size()),
        used_frames_(tables_.frames.size()),
        strings_(tables_.strings.size(), kNone<StringId>),
        modules_(tables_.modules.size(), kNone<ModuleId>),
        frames_(tables_.frames.size(), kNone<FrameId>),
        nodes_(tables_.nodes.size(), kNone<NodeId>),
        domains_(snapshot.domains.size(), kNone<DomainId>) {}

  Snapshot run() {
    to_.metadata = from_.metadata;
    to_.timeline = from_.timeline;
    mark_used();
    sort_strings();
    sort_modules();
    sort_frames();
    sort_nodes();
    sort_domains();
    sort_rows();
    return std::move(to_);
  }

 private:
  void mark_used() {
    for (std::size_t row = 0; row < from_.rows.size(); ++row) {
      if (has_content(from_.rows, row)) used_nodes_[from_.rows.node[row]] = true;
    }
    for (std::size_t i = tables_.nodes.size(); i-- > 1;) {
      const NodeId node{static_cast<std::uint32_t>(i)};
      if (!used_nodes_[node]) continue;
      used_nodes_[tables_.nodes[node].parent] = true;
      used_frames_[tables_.nodes[node].frame] = true;
    }
  }

  void sort_strings() {
    IdVector<StringId, char> used(tables_.strings.size());
    const auto use = [&](StringId id) {
      if (id != kNone<StringId>) used[id] = true;
    };
    for (const Module& module : tables_.modules) use(module.name);
    for (const FrameId frame : ids_of(tables_.frames)) {
      if (!used_frames_[frame]) continue;
      use(tables_.frames[frame].filename);
      use(tables_.frames[frame].function);
    }
    auto order = all_ids<StringId>(tables_.strings.size());
    std::erase_if(order, [&](StringId id) { return !used[id]; });
    std::sort(order.begin(), order.end(),
              [&](StringId a, StringId b) { return tables_.strings[a] < tables_.strings[b]; });
    for (const StringId id : order) strings_[id] = to_.tracebacks.strings.add(tables_.strings[id]);
  }

  [[nodiscard]] StringId renamed(StringId id) const {
    return id == kNone<StringId> ? id : strings_[id];
  }

  // Modules stay even where no frame names them: that a library was loaded is worth knowing.
  void sort_modules() {
    auto order = all_ids<ModuleId>(tables_.modules.size());
    const auto key = [&](ModuleId id) {
      const Module& module = tables_.modules[id];
      return std::tuple(renamed(module.name), std::string_view(module.build_id));
    };
    std::sort(order.begin(), order.end(), [&](ModuleId a, ModuleId b) { return key(a) < key(b); });
    for (const ModuleId id : order) {
      Module module = tables_.modules[id];
      module.name = renamed(module.name);
      modules_[id] = to_.tracebacks.modules.push_back(std::move(module));
    }
  }

  void sort_frames() {
    IdVector<FrameId, Frame> renamed_frames;
    renamed_frames.reserve(tables_.frames.size());
    for (Frame frame : tables_.frames) {
      frame.filename = renamed(frame.filename);
      frame.function = renamed(frame.function);
      if (frame.module != kNone<ModuleId>) frame.module = modules_[frame.module];
      renamed_frames.push_back(frame);
    }
    auto order = all_ids<FrameId>(tables_.frames.size());
    std::erase_if(order, [&](FrameId id) { return !used_frames_[id]; });
    std::sort(order.begin(), order.end(), [&](FrameId a, FrameId b) {
      return key_of(renamed_frames[a]) < key_of(renamed_frames[b]);
    });
    for (const FrameId id : order) {
      frames_[id] = to_.tracebacks.frames.push_back(renamed_frames[id]);
    }
  }

  // Depth first, children by ascending frame. Sorting all nodes by frame, then stably by parent,
  // puts the children of each node side by side in the right order.
  void sort_nodes() {
    auto order = all_ids<NodeId>(tables_.nodes.size());
    std::erase_if(order, [&](NodeId id) { return id == kRoot || !used_nodes_[id]; });
    order = counting_sort(order, to_.tracebacks.frames.size(),
                          [&](NodeId id) { return index_of(frames_[tables_.nodes[id].frame]); });
    const auto parent = [&](NodeId id) { return index_of(tables_.nodes[id].parent); };
    order = counting_sort(order, tables_.nodes.size(), parent);
    std::vector<std::size_t> first_child(tables_.nodes.size() + 1);
    for (const NodeId id : order) ++first_child[parent(id) + 1];
    std::partial_sum(first_child.begin(), first_child.end(), first_child.begin());

    std::vector<NodeId> pending;
    const auto push_children = [&](NodeId id) {
      const std::size_t begin = first_child[index_of(id)];
      for (std::size_t i = first_child[index_of(id) + 1]; i-- > begin;) pending.push_back(order[i]);
    };
    nodes_[kRoot] = kRoot;
    push_children(kRoot);
    while (!pending.empty()) {
      const NodeId id = pending.back();
      pending.pop_back();
      const Node& node = tables_.nodes[id];
      nodes_[id] = to_.tracebacks.nodes.push_back({nodes_[node.parent], frames_[node.frame]});
      push_children(id);
    }
  }

  void sort_domains() {
    auto order = all_ids<DomainId>(from_.domains.size());
    std::sort(order.begin(), order.end(), [&](DomainId a, DomainId b) {
      return from_.domains[a].number < from_.domains[b].number;
    });
    for (const DomainId id : order) domains_[id] = to_.domains.push_back(from_.domains[id]);
  }

  void sort_rows() {
    const Rows& rows = from_.rows;
    std::vector<std::uint32_t> order(rows.size());
    std::iota(order.begin(), order.end(), 0U);
    std::erase_if(order, [&](std::uint32_t row) { return !has_content(rows, row); });
    order = counting_sort(order, from_.domains.size(),
                          [&](std::uint32_t row) { return index_of(domains_[rows.domain[row]]); });
    order = counting_sort(order, to_.tracebacks.nodes.size(),
                          [&](std::uint32_t row) { return index_of(nodes_[rows.node[row]]); });
    for (const Metric metric : kMetrics) {
      if (rows[metric]) to_.rows[metric].emplace();
    }
    for (const std::uint32_t row : order) append_row(row);
  }

  void append_row(std::uint32_t row) {
    Rows& rows = to_.rows;
    const NodeId node = nodes_[from_.rows.node[row]];
    const DomainId domain = domains_[from_.rows.domain[row]];
    const bool again =
        !rows.node.empty() && rows.node.back() == node && rows.domain.back() == domain;
    if (!again) {
      rows.node.push_back(node);
      rows.domain.push_back(domain);
    }
    for (const Metric metric : kMetrics) {
      if (!rows[metric]) continue;
      Column& column = *rows[metric];
      if (!again) extend(column, rows.size(), from_.rows[metric]->is_estimate());
      add_row(column, column.size.size() - 1, *from_.rows[metric], row);
    }
  }

  const Snapshot& from_;
  const Tracebacks& tables_;
  Snapshot to_;
  IdVector<NodeId, char> used_nodes_;
  IdVector<FrameId, char> used_frames_;
  IdVector<StringId, StringId> strings_;
  IdVector<ModuleId, ModuleId> modules_;
  IdVector<FrameId, FrameId> frames_;
  IdVector<NodeId, NodeId> nodes_;
  IdVector<DomainId, DomainId> domains_;
};

}  // namespace

Snapshot canonical(const Snapshot& snapshot) {
  return Canonicalizer(snapshot).run();
}

}  // namespace memtrace::test
