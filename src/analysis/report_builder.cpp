#include "analysis/report_builder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analysis/followed_lines.hpp"
#include "analysis/frame_match.hpp"
#include "analysis/renaming.hpp"
#include "analysis/unmatched.hpp"
#include "model/row_builder.hpp"
#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {
namespace {

RowSource source_of(const Snapshot& snapshot, Metric metric) {
  const auto& column = snapshot.rows[metric];
  if (!column) {
    throw Error(fmt::format("the snapshot has no {} metric", name_of(metric)));
  }
  return {.rows = &snapshot.rows, .column = &*column};
}

// One set of tables for all snapshots. A single one is only referred to.
std::shared_ptr<const Tracebacks> join_tables(std::span<const Snapshot* const> snapshots,
                                              std::vector<RowSource>& sources) {
  if (snapshots.size() == 1) {
    return {std::shared_ptr<const Tracebacks>(), &snapshots[0]->tracebacks};
  }
  // The last one's ids stay as they are.
  const std::size_t last = snapshots.size() - 1;
  TracebackBuilder builder(snapshots[last]->tracebacks);
  for (std::size_t i = 0; i < last; ++i) {
    sources[i].node_of = builder.absorb(snapshots[i]->tracebacks);
  }
  return std::make_shared<const Tracebacks>(builder.take());
}

IdVector<DomainId, Domain> join_domains(std::span<const Snapshot* const> snapshots,
                                        std::vector<RowSource>& sources) {
  DomainBuilder builder;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    for (const Domain& domain : snapshots[i]->domains) {
      sources[i].domain_of.push_back(builder.domain(domain));
    }
  }
  return builder.take();
}

// Translates own node -> joined node -> visible node in one step.
void translate(IdVector<NodeId, NodeId>& node_of, const IdVector<NodeId, NodeId>& visible) {
  if (visible.empty()) return;
  if (node_of.empty()) {
    node_of = visible;
    return;
  }
  for (NodeId& node : node_of) node = visible[node];
}

}  // namespace

ReportBuilder::ReportBuilder(std::span<const Snapshot* const> snapshots, const Selection& selection)
    : selection_(selection) {
  validate(selection);
  for (const Snapshot* const snapshot : snapshots) {
    sources_.push_back(source_of(*snapshot, selection.metric));
  }
  IdVector<DomainId, Domain> domains = join_domains(snapshots, sources_);
  const std::shared_ptr<const Tracebacks> tables = join_tables(snapshots, sources_);
  VisibleTracebacks visible = hide_frames(tables, selection);
  for (RowSource& source : sources_) translate(source.node_of, visible.node_of);
  IdVector<FrameId, std::uint32_t> former = follow(snapshots, visible);
  hidden_frames_ = visible.hidden_frames;
  machinery_frames_ = visible.machinery_frames;
  kept_nodes_ = kept_nodes(*visible.tables, selection);
  kept_domains_ = kept_domains(domains, selection);
  hidden_size_ = size_of(visible.all_hidden);
  if (has_filters(selection)) {
    unmatched_ = unmatched_filters(*tables, *visible.named, *visible.tables,
                                   most_recent_frames(*visible.tables), selection);
  }
  grouping_ = std::make_shared<const Grouping>(selection.group_by, std::move(visible.tables),
                                               std::move(domains), std::move(former));
}

// Makes the lines of older snapshots those of the last one, where that is asked for.
IdVector<FrameId, std::uint32_t> ReportBuilder::follow(std::span<const Snapshot* const> snapshots,
                                                       VisibleTracebacks& visible) {
  if (snapshots.size() < 2) return {};
  std::vector<std::string> processes;
  for (const Snapshot* const snapshot : snapshots) {
    processes.push_back(process_of(snapshot->metadata));
  }
  if (!may_move(processes, selection_.match)) return {};
  std::vector<SnapshotNodes> nodes;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    SnapshotNodes& own = nodes.emplace_back();
    own.process = processes[i];
    own.used.resize(visible.tables->nodes.size());
    for (const NodeId node : sources_[i].rows->node) {
      own.used[sources_[i].node_of.empty() ? node : sources_[i].node_of[node]] = 1;
    }
  }
  FollowedLines followed = follow_lines(visible.tables, std::move(nodes), selection_.match);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    translate(sources_[i].node_of, followed.node_of[i]);
  }
  visible.tables = std::move(followed.tables);
  moved_lines_ = followed.lines;
  return std::move(followed.former);
}

// A sum that does not fit is of a snapshot that somebody made up.
std::int64_t ReportBuilder::size_of(NodeId node) const {
  std::int64_t sum = 0;
  if (node == kRoot || kept_nodes_[node] == 0) return sum;
  for (const RowSource& source : sources_) {
    for (std::size_t row = 0; row < source.rows->node.size(); ++row) {
      const NodeId own = source.rows->node[row];
      const NodeId as_seen = source.node_of.empty() ? own : source.node_of[own];
      const DomainId domain = source.domain_of[source.rows->domain[row]];
      if (as_seen != node || kept_domains_[domain] == 0) continue;
      if (__builtin_add_overflow(sum, source.column->size[row], &sum)) return 0;
    }
  }
  return sum;
}

// Visible frame -> whether it is the most recent one of some block.
IdVector<FrameId, char> ReportBuilder::most_recent_frames(const Tracebacks& visible) const {
  IdVector<FrameId, char> marks(visible.frames.size());
  for (const RowSource& source : sources_) {
    for (const NodeId own : source.rows->node) {
      const NodeId node = source.node_of.empty() ? own : source.node_of[own];
      if (node != kRoot) marks[visible.nodes[node].frame] = 1;
    }
  }
  return marks;
}

Accumulated<Amount> ReportBuilder::accumulate(std::size_t index) const {
  return memtrace::accumulate<Amount>(sources_[index], *grouping_, kept_nodes_, kept_domains_,
                                      selection_.cumulative);
}

Accumulated<Variance> ReportBuilder::accumulate_variances(std::size_t index) const {
  if (!sources_[index].column->is_estimate()) return {};
  return memtrace::accumulate<Variance>(sources_[index], *grouping_, kept_nodes_, kept_domains_,
                                        selection_.cumulative);
}

TracebackTree ReportBuilder::tree() const {
  TracebackTree tree;
  tree.tables_ = grouping_->shared_tables();
  for (const RowSource& source : sources_) {
    IdVector<NodeId, Amount> own =
        own_sums<Amount>(source, *tree.tables_, kept_nodes_, kept_domains_);
    IdVector<NodeId, Amount> total = own;
    add_to_callers(total, *tree.tables_);
    tree.sums_.push_back({std::move(own), std::move(total)});
  }
  Children children(tree.tables_->nodes, [&](NodeId node) {
    return std::ranges::any_of(tree.sums_,
                               [&](const auto& sums) { return sums.total[node] != Amount(); });
  });
  tree.first_child_ = std::move(children.first);
  tree.next_sibling_ = std::move(children.next);
  return tree;
}

void ReportBuilder::describe(Report& report, std::int64_t min_size, std::uint64_t groups) const {
  report.selection_ = selection_;
  report.min_size_ = min_size;
  report.groups_ = groups;
  report.hidden_frames_ = hidden_frames_;
  report.machinery_frames_ = machinery_frames_;
  report.moved_lines_ = moved_lines_;
  report.hidden_size_ = hidden_size_;
  report.unmatched_ = unmatched_;
  report.grouping_ = grouping_;
  for (const RowSource& source : sources_) report.is_estimate_ |= source.column->is_estimate();
}

std::optional<UnmatchedFilter> Report::unmatched_prefix(const std::string& folder) const {
  const Tracebacks& tables = grouping_->tables();
  const bool is_found = std::ranges::any_of(tables.frames, [&](const Frame& frame) {
    return is_below(filename_or_module(tables, frame), folder) ||
           is_below(module_or_package(tables, frame), folder);
  });
  if (is_found) return std::nullopt;
  return UnmatchedFilter{"--strip-prefix", folder, folder_called(tables, folder)};
}

void Report::traceback(GroupId group, std::vector<FrameView>& frames) const {
  grouping_->traceback(group, frames);
}

std::vector<FrameView> Report::traceback(GroupId group) const {
  std::vector<FrameView> frames;
  traceback(group, frames);
  return frames;
}

const Domain& Report::domain(GroupId group) const {
  return grouping_->domain(group);
}

namespace {

TracebackTree tree_of(std::span<const Snapshot* const> snapshots, Selection selection) {
  selection.group_by = GroupBy::domain;  // the least work
  selection.cumulative = false;
  return ReportBuilder(snapshots, selection).tree();
}

}  // namespace

TracebackTree traceback_tree(const Snapshot& snapshot, const Selection& selection) {
  return tree_of(std::array{&snapshot}, selection);
}

TracebackTree traceback_tree(const Snapshot& before, const Snapshot& after,
                             const Selection& selection) {
  return tree_of(std::array{&before, &after}, selection);
}

FrameView TracebackTree::frame(NodeId node) const {
  return view_of(*tables_, tables_->frames[tables_->nodes[node].frame]);
}

}  // namespace memtrace
