// The steps that both reports share: join, hide, group, keep, add up.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "analysis/accumulate.hpp"
#include "analysis/grouping.hpp"
#include "mtrace/tree.hpp"

namespace memtrace {

class ReportBuilder {
 public:
  // The snapshots must live as long as the builder; the report owns what it needs of them, except
  // that one snapshot alone is shared, not copied (see top()). Throws Error.
  ReportBuilder(std::span<const Snapshot* const> snapshots, const Selection& selection);

  [[nodiscard]] const Grouping& grouping() const { return *grouping_; }
  // Of snapshot number `index`.
  [[nodiscard]] Accumulated<Amount> accumulate(std::size_t index) const;
  // The same of the variances; zeros without groups where the snapshot's amounts are no estimates.
  [[nodiscard]] Accumulated<Variance> accumulate_variances(std::size_t index) const;

  // Of all snapshots.
  [[nodiscard]] TracebackTree tree() const;

  void describe(Report& report, const Ranking& ranking, std::uint64_t groups) const;

 private:
  [[nodiscard]] std::int64_t size_of(NodeId node) const;
  [[nodiscard]] IdVector<FrameId, char> most_recent_frames(const Tracebacks& visible) const;

  Selection selection_;
  std::vector<RowSource> sources_;
  std::shared_ptr<const Grouping> grouping_;
  IdVector<NodeId, char> kept_nodes_;
  IdVector<DomainId, char> kept_domains_;
  std::vector<UnmatchedFilter> unmatched_;
  std::int64_t hidden_size_ = 0;
  std::uint64_t hidden_frames_ = 0, machinery_frames_ = 0;
};

}  // namespace memtrace
