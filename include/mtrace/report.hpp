// Reports: ranked groups of one snapshot, or of the difference between two.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/selection.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// A frame as text. Views are valid while the report that they came from lives.
struct FrameView {
  std::optional<std::string_view> filename;
  std::uint32_t lineno = 0;  // 0: unknown, or not part of the group's key
  std::optional<std::string_view> function;
  std::optional<std::string_view> module;
  std::optional<std::uint64_t> offset;  // bytes into the module, for an unresolved frame
  bool inlined = false;
  // Its line in the older snapshot (the oldest one that has it), where the line was followed from
  // there (see MatchBy); 0: it did not move.
  std::uint32_t moved_from = 0;
};

// Maps a report's groups to what they stand for. Shared by value, immutable, thread-safe.
class Grouping;

// The square of an estimate's standard error. Zero for exact amounts.
struct Variance {
  double size = 0;   // bytes squared
  double count = 0;  // blocks squared
};

struct Statistic {
  GroupId group{};
  Amount amount;
  Variance variance{};
};

enum class Change : std::uint8_t { added, removed, grown, shrunk, unchanged };

struct StatisticDiff {
  GroupId group{};
  Amount before, after;
  // The variance of the difference. Blocks that live in both snapshots count as if they had been
  // sampled twice, so that this is an upper bound for two moments of one process.
  Variance variance{};

  [[nodiscard]] std::int64_t size_diff() const { return after.size - before.size; }
  [[nodiscard]] std::int64_t count_diff() const { return after.count - before.count; }
  // added: the group has no block before; removed: none after. Otherwise by size, then by count.
  [[nodiscard]] MTRACE_API Change change() const;
};

// How to rank the groups of one snapshot.
enum class TopSort : std::uint8_t { size, count, average, location };
inline constexpr std::array kTopSorts = {TopSort::size, TopSort::count, TopSort::average,
                                         TopSort::location};
MTRACE_API std::string_view name_of(TopSort sort);

// How to rank the groups of two. size_diff and count_diff rank by magnitude, growth by sign, too.
enum class DiffSort : std::uint8_t { size_diff, growth, count_diff, size, location };
inline constexpr std::array kDiffSorts = {DiffSort::size_diff, DiffSort::growth,
                                          DiffSort::count_diff, DiffSort::size, DiffSort::location};
MTRACE_API std::string_view name_of(DiffSort sort);

struct TopRanking {
  TopSort sort = TopSort::size;
  bool reverse = false;
  std::uint64_t limit = 0;    // groups to keep; 0: all
  std::int64_t min_size = 0;  // bytes; leaves out smaller groups
};

struct DiffRanking {
  DiffSort sort = DiffSort::size_diff;
  bool reverse = false;
  std::uint64_t limit = 0;    // groups to keep; 0: all
  std::int64_t min_size = 0;  // bytes; leaves out smaller changes
  bool changed_only = false;  // leaves out groups that are the same before and after
};

// A part of the selection without effect: most often a typing error.
struct UnmatchedFilter {
  enum class Reason : std::uint8_t {
    nothing,  // no frame of the snapshots matches
    hidden,   // only hidden frames match
    callers,  // only callers of the most recent frame match, which are ignored
  };
  std::string option;  // "--include"
  std::string value;   // "app.py"
  std::string meant;   // what would match ("*/app.py"); empty: nothing is similar
  Reason reason = Reason::nothing;
};

// What both kinds of report have in common.
class MTRACE_API Report {
 public:
  [[nodiscard]] const Selection& selection() const { return selection_; }
  // Smaller groups, or changes, were left out.
  [[nodiscard]] std::int64_t min_size() const { return min_size_; }
  // Groups before min_size and limit were applied.
  [[nodiscard]] std::uint64_t groups() const { return groups_; }
  // Distinct frames hidden by --hide and --mine, and those of the allocation machinery.
  [[nodiscard]] std::uint64_t hidden_frames() const { return hidden_frames_; }
  [[nodiscard]] std::uint64_t machinery_frames() const { return machinery_frames_; }
  // Lines that were followed to other numbers (see MatchBy).
  [[nodiscard]] std::uint64_t moved_lines() const { return moved_lines_; }
  // Whether the amounts are estimates from samples and have a variance.
  [[nodiscard]] bool is_estimate() const { return is_estimate_; }

  // Each filter once. A filter of a diff is unmatched if it matches in neither snapshot.
  [[nodiscard]] const std::vector<UnmatchedFilter>& unmatched() const { return unmatched_; }
  // Set if no file (or shared object) is in `folder`, which is to be stripped from printed names.
  [[nodiscard]] std::optional<UnmatchedFilter> unmatched_prefix(const std::string& folder) const;
  // Bytes of selected blocks without a visible frame, in both snapshots together.
  [[nodiscard]] std::int64_t hidden_size() const { return hidden_size_; }

  // The group's traceback, oldest frame first; one frame unless grouped by traceback, none for a
  // domain. Clears and fills `frames`, so that a loop over a million groups allocates once.
  void traceback(GroupId group, std::vector<FrameView>& frames) const;
  [[nodiscard]] std::vector<FrameView> traceback(GroupId group) const;
  // Only for reports that are grouped by domain.
  [[nodiscard]] const Domain& domain(GroupId group) const;

 private:
  friend class ReportBuilder;
  friend class SeriesTable;
  Selection selection_;
  std::int64_t min_size_ = 0;
  std::uint64_t groups_ = 0;
  std::uint64_t hidden_frames_ = 0, machinery_frames_ = 0;
  std::uint64_t moved_lines_ = 0;
  bool is_estimate_ = false;
  std::int64_t hidden_size_ = 0;
  std::vector<UnmatchedFilter> unmatched_;
  std::shared_ptr<const Grouping> grouping_;
};

class MTRACE_API TopReport : public Report {
 public:
  Metadata metadata;
  Amount total;  // of the selected blocks
  Variance total_variance{};
  std::vector<Statistic> statistics;  // ranked; at most the ranking's limit
  Amount rest;                        // of the groups that are not in `statistics`; groups that
                                      // overlap (cumulative) have no meaningful rest: it is zero
  std::uint64_t rest_groups = 0;
};

// Numbers of groups in a diff by what happened to them, as in bloat-o-meter. Counts all groups,
// shown or not.
struct ChangeCounts {
  std::uint64_t added = 0, removed = 0, grown = 0, shrunk = 0, unchanged = 0;
};

class MTRACE_API DiffReport : public Report {
 public:
  Metadata metadata_before, metadata_after;
  Amount total_before, total_after;       // of the selected blocks
  Variance total_variance{};              // of their difference
  std::vector<StatisticDiff> statistics;  // ranked; at most the ranking's limit
  Amount rest_before, rest_after;         // of the groups that are not in `statistics`
  std::uint64_t rest_groups = 0;
  bool changed_only = false;  // unchanged groups are part of the rest
  ChangeCounts changes;
};

// Ranks the groups of a snapshot: by (size, count, traceback), descending, unless asked otherwise.
// The order is total: equal input gives equal reports. The snapshot must outlive the report, which
// refers to its tables. Throws Error.
MTRACE_API TopReport top(const Snapshot& snapshot, const Selection& selection,
                         const TopRanking& ranking = {});
TopReport top(Snapshot&& snapshot, const Selection& selection,
              const TopRanking& ranking = {}) = delete;

// Compares two snapshots and ranks the groups: by (|size_diff|, size, |count_diff|, count,
// traceback), descending, unless asked otherwise. The report does not refer to the snapshots.
// Throws Error.
MTRACE_API DiffReport diff(const Snapshot& before, const Snapshot& after,
                           const Selection& selection, const DiffRanking& ranking = {});

}  // namespace memtrace
