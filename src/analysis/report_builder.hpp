// The steps that reports share: join, hide, group, keep, add up, rank.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "analysis/accumulate.hpp"
#include "analysis/grouping.hpp"
#include "analysis/visible.hpp"
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

  [[nodiscard]] const std::vector<RowSource>& sources() const { return sources_; }
  // By the grouping's nodes and domains.
  [[nodiscard]] const IdVector<NodeId, char>& node_is_kept() const { return kept_nodes_; }
  [[nodiscard]] const IdVector<DomainId, char>& domain_is_kept() const { return kept_domains_; }

  void describe(Report& report, std::int64_t min_size, std::uint64_t groups) const;

 private:
  IdVector<FrameId, std::uint32_t> follow(std::span<const Snapshot* const> snapshots,
                                          VisibleTracebacks& visible);
  [[nodiscard]] std::int64_t size_of(NodeId node) const;
  [[nodiscard]] IdVector<FrameId, char> most_recent_frames(const Tracebacks& visible) const;

  Selection selection_;
  std::vector<RowSource> sources_;
  std::shared_ptr<const Grouping> grouping_;
  IdVector<NodeId, char> kept_nodes_;
  IdVector<DomainId, char> kept_domains_;
  std::vector<UnmatchedFilter> unmatched_;
  std::int64_t hidden_size_ = 0;
  std::uint64_t hidden_frames_ = 0, machinery_frames_ = 0, moved_lines_ = 0;
};

// Orders statistics by `before(a, b)` and keeps the first `limit` (0: all). Keeping few of many
// costs a pass over them, not a sort.
template <class T, class Before>
void rank(std::vector<T>& statistics, std::uint64_t limit, const Before& before) {
  if (limit == 0 || limit >= statistics.size()) {
    std::sort(statistics.begin(), statistics.end(), before);
    return;
  }
  const auto end = statistics.begin() + static_cast<std::ptrdiff_t>(limit);
  std::partial_sort(statistics.begin(), end, statistics.end(), before);
  statistics.resize(limit);
}

}  // namespace memtrace
