#include "page/page_tables.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace memtrace {
namespace {

constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

// Lines are what the page groups by first, and what says where a line was before.
Selection by_line(Selection selection) {
  selection.group_by = GroupBy::lineno;
  selection.cumulative = false;
  return selection;
}

void add(Amount& to, std::int64_t size, std::int64_t count) {
  to.size += size;
  to.count += count;
}

}  // namespace

PageTables::PageTables(std::span<const Snapshot* const> snapshots, const Selection& selection,
                       const PageLimits& limits)
    : snapshots_(snapshots.begin(), snapshots.end()),
      metric_(selection.metric),
      builder_(snapshots, by_line(selection)),
      page_frame_(tables().frames.size(), kNowhere) {
  weigh();
  const double least = least_weight(limits.nodes);
  PageNodes page_node = keep_nodes(least);
  merge_nodes(page_node, limits.frames);
  own_weight_ = {};
  weight_ = {};
  add_rows(page_node);
}

bool PageTables::has(Metric metric) const {
  return std::ranges::all_of(
      snapshots_, [&](const Snapshot* snapshot) { return snapshot->rows[metric].has_value(); });
}

bool PageTables::is_estimate(Metric metric) const {
  return std::ranges::any_of(snapshots_, [&](const Snapshot* snapshot) {
    const std::optional<Column>& column = snapshot->rows[metric];
    return column && column->is_estimate();
  });
}

// Calls visit(row, node of the tables) for every row of blocks that are selected.
template <class Visit>
void PageTables::for_each_kept_row(std::size_t snapshot, const Visit& visit) const {
  const RowSource& source = builder_.sources()[snapshot];
  const Rows& rows = snapshots_[snapshot]->rows;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const NodeId own = rows.node[row];
    const NodeId node = source.node_of.empty() ? own : source.node_of[own];
    const DomainId domain = source.domain_of[rows.domain[row]];
    if (node == kRoot || builder_.node_is_kept()[node] == 0) continue;
    if (builder_.domain_is_kept()[domain] != 0) visit(row, node);
  }
}

// A traceback counts by its largest parts of all metrics, and blocks count beside bytes: what was
// freed long ago, or is many blocks of nothing, is not lost.
void PageTables::weigh() {
  own_weight_.resize(tables().nodes.size(), 0);
  for (std::size_t i = 0; i < snapshots_.size(); ++i) {
    const Rows& rows = snapshots_[i]->rows;
    for (const Metric metric : kMetrics) {
      if (!has(metric)) continue;
      const Column& column = *rows[metric];
      const auto weight = [&](std::size_t row) {
        return static_cast<double>(column.size[row]) + static_cast<double>(column.count[row]);
      };
      double total = 0;
      for_each_kept_row(i, [&](std::size_t row, NodeId) { total += weight(row); });
      if (total == 0) continue;
      for_each_kept_row(
          i, [&](std::size_t row, NodeId node) { own_weight_[node] += weight(row) / total; });
    }
  }
  weight_ = own_weight_;
  for (std::size_t i = weight_.size(); i-- > 1;) {
    const NodeId node{static_cast<std::uint32_t>(i)};
    weight_[tables().nodes[node].parent] += weight_[node];
  }
}

// Not more nodes than the limit weigh as much or more.
double PageTables::least_weight(std::size_t limit) const {
  std::vector<double> weights;
  for (const double weight : weight_) {
    if (weight > 0) weights.push_back(weight);
  }
  if (weights.size() <= limit) return std::numeric_limits<double>::min();
  const auto last = weights.begin() + static_cast<std::ptrdiff_t>(limit);
  std::ranges::nth_element(weights, last, std::greater());
  return std::nextafter(*last, std::numeric_limits<double>::infinity());
}

std::uint32_t PageTables::page_frame(FrameId frame) {
  std::uint32_t& index = page_frame_[frame];
  if (index == kNowhere) {
    index = static_cast<std::uint32_t>(frames_.size());
    frames_.push_back(frame);
  }
  return index;
}

// A caller weighs at least as much as what it calls: so the kept nodes are a tree.
PageTables::PageNodes PageTables::keep_nodes(double least) {
  PageNodes page_node(tables().nodes.size(), kNowhere);
  nodes_.emplace_back();
  page_node[kRoot] = 0;
  for (const NodeId id : ids_of(tables().nodes)) {
    const ::memtrace::Node& node = tables().nodes[id];
    if (id == kRoot || weight_[id] < least || page_node[node.parent] == kNowhere) continue;
    page_node[id] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({page_node[node.parent], page_frame(node.frame)});
  }
  return page_node;
}

// Of tracebacks that hold something and have no node: their own lines, what holds most first.
std::vector<FrameId> PageTables::lines_without_node(const PageNodes& page_node) {
  IdVector<FrameId, double> weight_of(tables().frames.size(), 0);
  std::vector<FrameId> lines;
  for (const NodeId id : ids_of(tables().nodes)) {
    if (own_weight_[id] == 0 || page_node[id] != kNowhere) continue;
    ++merged_.tracebacks;
    double& weight = weight_of[tables().nodes[id].frame];
    if (weight == 0) lines.push_back(tables().nodes[id].frame);
    weight += own_weight_[id];
  }
  std::ranges::sort(lines, [&](FrameId a, FrameId b) {
    return weight_of[a] != weight_of[b] ? weight_of[a] > weight_of[b] : a < b;
  });
  return lines;
}

// Gives tracebacks that have no node one of the nodes that stand for many.
void PageTables::merge_nodes(PageNodes& page_node, std::size_t limit) {
  std::vector<FrameId> lines = lines_without_node(page_node);
  if (lines.empty()) return;
  const std::size_t room = limit - std::min(limit, frames_.size());
  if (lines.size() > room) {
    merged_.lines = lines.size() - room;
    lines.resize(room);
  }
  const auto merged = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  IdVector<FrameId, std::uint32_t> node_of(tables().frames.size(), merged);
  for (const FrameId frame : lines) {
    node_of[frame] = static_cast<std::uint32_t>(nodes_.size());
    nodes_.push_back({merged, page_frame(frame)});
  }
  nodes_[merged].frame = static_cast<std::uint32_t>(frames_.size());
  frames_.push_back(kMergedFrame);
  for (const NodeId id : ids_of(tables().nodes)) {
    if (own_weight_[id] != 0 && page_node[id] == kNowhere) {
      page_node[id] = node_of[tables().nodes[id].frame];
    }
  }
  for (std::size_t i = 0; i < snapshots_.size(); ++i) {
    const Column& column = *snapshots_[i]->rows[metric_];
    for_each_kept_row(i, [&](std::size_t row, NodeId node) {
      const bool is_merged = page_node[node] != kNowhere && page_node[node] >= merged;
      if (is_merged) merged_.size += column.size[row];
    });
  }
}

void PageTables::add_rows(const PageNodes& page_node) {
  const bool has_variances =
      std::ranges::any_of(kMetrics, [&](Metric metric) { return is_estimate(metric); });
  for (std::size_t i = 0; i < snapshots_.size(); ++i) {
    std::vector<Amounts>& own = own_.emplace_back(nodes_.size());
    std::vector<Variances>& variances = variances_.emplace_back(has_variances ? nodes_.size() : 0);
    const Rows& rows = snapshots_[i]->rows;
    for (std::size_t m = 0; m < kMetrics.size(); ++m) {
      if (!has(kMetrics[m])) continue;
      const Column& column = *rows[kMetrics[m]];
      for_each_kept_row(i, [&](std::size_t row, NodeId node) {
        // Without weight, it has neither bytes nor blocks.
        if (page_node[node] == kNowhere) return;
        add(own[page_node[node]][m], column.size[row], column.count[row]);
        if (!column.is_estimate()) return;
        Variance& variance = variances[page_node[node]][m];
        variance.size += column.size_variance[row];
        variance.count += column.count_variance[row];
      });
    }
  }
}

}  // namespace memtrace
