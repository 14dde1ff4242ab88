#include "analysis/report_builder.hpp"

#include <fmt/format.h>

#include "analysis/keep.hpp"
#include "analysis/visible.hpp"
#include "model/domain_builder.hpp"
#include "model/traceback_builder.hpp"
#include "mtrace/error.hpp"

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
  VisibleTracebacks visible = hide_frames(join_tables(snapshots, sources_), selection);
  for (RowSource& source : sources_) translate(source.node_of, visible.node_of);
  hidden_frames_ = visible.hidden_frames;
  machinery_frames_ = visible.machinery_frames;
  kept_nodes_ = kept_nodes(*visible.tables, selection);
  kept_domains_ = kept_domains(domains, selection);
  grouping_ = std::make_shared<const Grouping>(selection.group_by, std::move(visible.tables),
                                               std::move(domains));
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

void ReportBuilder::describe(Report& report, const Ranking& ranking, std::uint64_t groups) const {
  report.selection_ = selection_;
  report.ranking_ = ranking;
  report.groups_ = groups;
  report.hidden_frames_ = hidden_frames_;
  report.machinery_frames_ = machinery_frames_;
  report.grouping_ = grouping_;
  for (const RowSource& source : sources_) report.is_estimate_ |= source.column->is_estimate();
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

}  // namespace memtrace
