// Is the memory within its budgets? Limits on what a selection holds, and on how it grew.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/report.hpp"
#include "mtrace/selection.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

enum class LimitKind : std::uint8_t {
  max_size,     // bytes, by the selection's metric
  max_peak,     // bytes, alive when most memory was in use
  max_count,    // blocks, by the selection's metric
  max_growth,   // bytes more than in the baseline
  fail_on_new,  // groups without a block in the baseline
};
MTRACE_API std::string_view name_of(LimitKind kind);

struct Limits {
  std::optional<std::int64_t> max_size{}, max_peak{};  // bytes
  std::optional<std::int64_t> max_count{};             // blocks
  // Growth in bytes, and in percent of the baseline. Where both are given, both must be exceeded.
  std::optional<std::int64_t> max_growth{};
  std::optional<double> max_growth_percent{};
  bool fail_on_new = false;
  bool per_group = false;     // each group is held to the limits, not their sum
  std::int64_t min_size = 0;  // bytes; smaller groups (growths, of a growth) are not judged alone

  [[nodiscard]] bool limits_growth() const { return max_growth || max_growth_percent; }
  [[nodiscard]] bool needs_baseline() const { return limits_growth() || fail_on_new; }
};

struct Budget {
  std::string name{};
  Selection selection{};
  Limits limits{};
  // For people; all may be empty.
  std::string reason{}, owner{};
  std::string expires{};   // the last day on which it holds: "2027-01-31"
  std::uint32_t line = 0;  // of the budget file; 0: it came from somewhere else
};

enum class Finding : std::uint8_t {
  within,
  over,
  // What follows is neither: there is nothing to judge.
  too_close,         // sampled, and the limit lies within two standard errors
  unseen,            // sampled, and what no sample hit may be above the limit
  nothing_selected,  // no block, and none that was freed, is selected
};

// A group that broke a limit, or was the most of what did.
struct Offender {
  GroupId group{};
  Amount before, after;     // before: only of limits that need a baseline
  Variance variance{};      // of the size, or of its change
  std::int64_t excess = 0;  // bytes or blocks above what is allowed; 0 where the sum is held to it
};

// One limit of one budget.
struct LimitResult {
  std::size_t budget = 0;  // in CheckReport::budgets
  LimitKind kind = LimitKind::max_size;
  Finding finding = Finding::within;
  // Bytes, blocks, or groups, of what is held to the limit: the sum, or the group that comes
  // closest. What a growth is allowed depends on the baseline.
  std::int64_t measured = 0, allowed = 0;
  std::int64_t measured_before = 0;  // of a growth: what it began with
  double error = 0;                  // two standard errors of `measured`; 0 for exact amounts
  std::uint64_t groups_over = 0;     // where each is held to the limit
  std::vector<Offender> offenders;   // worst first; only of a limit that is exceeded
  std::shared_ptr<const Report> report;

  [[nodiscard]] bool is_over() const { return finding == Finding::over; }
  [[nodiscard]] std::int64_t excess() const { return measured - allowed; }
};

// A line of a suppressions file in the syntax of LeakSanitizer: "leak:PATTERN". The pattern is a
// part of the name of a function, file or module; `*` matches anything, `^` and `$` are its ends.
struct Suppression {
  std::string pattern;
  std::uint32_t line = 0;
};

// Empty lines and those that begin with # have no suppression. Throws Error, headed by the line's
// number.
MTRACE_API std::vector<Suppression> parse_suppressions(std::string_view text);

struct Suppressed {
  Suppression by;
  Metric metric = Metric::live;  // what is counted: alive, unless the snapshot lacks that
  Amount amount;
};

// Takes all blocks out of the snapshot that have a matching frame, hidden ones too, on their
// traceback. One result for each suppression: a block counts for the one that matches its most
// recent frame.
MTRACE_API std::vector<Suppressed> suppress(Snapshot& snapshot,
                                            const std::vector<Suppression>& suppressions);

// Whether there was anything to trace; it may have been freed since.
MTRACE_API bool was_traced(const Snapshot& snapshot);

struct CheckReport {
  Metadata metadata;
  std::optional<Metadata> baseline;
  std::vector<Budget> budgets;
  std::vector<LimitResult> results;  // by budget, then by kind
  std::vector<Suppressed> suppressed;

  [[nodiscard]] MTRACE_API bool is_over() const;
};

struct CheckOptions {
  std::uint64_t limit = 10;  // offenders of each limit to keep; 0: all
  // Blocks were taken out: a selection without any left is no mistake.
  bool is_suppressed = false;
};

// Holds a snapshot to budgets. `baseline` may only be null where no limit needs it. Both must
// outlive the report, which refers to their tables. Throws Error.
MTRACE_API CheckReport check(const Snapshot& snapshot, const Snapshot* baseline,
                             std::vector<Budget> budgets, const CheckOptions& options = {});

}  // namespace memtrace
