// The groups of many snapshots, matched: one series each.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "analysis/grouping.hpp"
#include "analysis/verdict.hpp"
#include "model/row_builder.hpp"
#include "mtrace/report.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {

// All series in two columns, group by group; a group that a snapshot lacks has 0 there.
struct SeriesColumns {
  std::size_t snapshots = 0;
  std::shared_ptr<const Grouping> grouping;
  std::vector<GroupId> groups{};  // those that hold something in some snapshot
  std::vector<std::int64_t> size{}, count{};

  [[nodiscard]] SeriesView operator[](GroupId group) const {
    const std::size_t begin = index_of(group) * snapshots;
    return {std::span(size).subspan(begin, snapshots), std::span(count).subspan(begin, snapshots)};
  }
};

// Takes snapshots one at a time, in any order, from several threads, and keeps of each no more than
// what its groups hold and are called: so any number of them fit.
class SeriesTable {
 public:
  SeriesTable(Selection selection, std::size_t snapshots);

  // Throws Error.
  void add(std::size_t index, const Snapshot& snapshot);

  // Once all were added: what belongs to which group, and what all snapshots told of the selection.
  SeriesColumns finish(Report& report, std::int64_t min_size);

  // Of everything selected.
  [[nodiscard]] const std::vector<Amount>& totals() const { return totals_; }

 private:
  // A group of one snapshot as all snapshots know it: a node, or the number of a domain.
  class Names;
  using Row = std::uint32_t;

  void join_description(const Report& description);
  IdVector<FrameId, std::uint32_t> follow(std::shared_ptr<const Tracebacks>& tables);

  Selection selection_;
  std::mutex mutex_;
  TracebackBuilder builder_;
  DomainBuilder domains_;
  std::vector<std::vector<Amount>> amounts_;  // snapshot, row
  std::vector<Amount> totals_;
  std::vector<std::string> processes_;  // that the snapshots are of; empty: not known
  Report description_;
  bool is_described_ = false;
};

}  // namespace memtrace
