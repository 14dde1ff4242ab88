// What keeps growing: how each group developed over three or more snapshots, and what that means.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/report.hpp"

namespace memtrace {

enum class Verdict : std::uint8_t {
  growing,    // and nothing says that it will end
  filling,    // grew, and less and less: a cache that approaches its size
  flat,       // no growth that counts
  shrinking,  // the opposite of growing
  unsteady,   // cannot tell
};
inline constexpr std::array kVerdicts = {Verdict::growing, Verdict::filling, Verdict::flat,
                                         Verdict::shrinking, Verdict::unsteady};
MTRACE_API std::string_view name_of(Verdict verdict);

// Why a series that moved upwards is unsteady.
enum class Doubt : std::uint8_t {
  none,            // it is not
  few_snapshots,   // chance alone could do what these few show
  noise,           // chance could do that beside movements as large as these
  slowing,         // perhaps it fills, perhaps it grows on
  not_persistent,  // a few steps made the growth, or memory came back in between
  no_more_blocks,  // bytes grow, blocks do not: a buffer that is enlarged, perhaps
};
MTRACE_API std::string_view name_of(Doubt doubt);

// What growth is counted by.
enum class TrendUnit : std::uint8_t { snapshot, hour, work };
inline constexpr std::array kTrendUnits = {TrendUnit::snapshot, TrendUnit::hour, TrendUnit::work};
MTRACE_API std::string_view name_of(TrendUnit unit);

struct TrendOptions {
  TrendUnit unit = TrendUnit::snapshot;
  // How much was done before each snapshot; only for growth by work. Empty: what they say.
  std::vector<double> work{};
  std::uint64_t warm_up = 0;  // snapshots at the beginning that are shown, but not judged
  // The least growth over all judged snapshots that counts, as a share of everything selected.
  double material = 0.01;
  // In how many runs without a leak something may be called growing, at most.
  double false_alarms = 0.01;
};

// One number a snapshot, oldest first. `count` is empty where there are no blocks to count.
struct Series {
  std::vector<std::int64_t> size;   // bytes
  std::vector<std::int64_t> count;  // blocks
};

// Bytes a unit: the median of the slopes between any two snapshots (Theil and Sen), with an
// interval that holds the true one in 95 % of all cases.
struct Slope {
  double value = 0, low = 0, high = 0;
};

struct Judgement {
  Verdict verdict = Verdict::flat;
  Doubt doubt = Doubt::none;
  Slope slope;
  double count_slope = 0;           // blocks a unit
  std::uint64_t windows = 0;        // judged: from one snapshot to the next
  std::uint64_t windows_grown = 0;  // the most in a row in which it grew
  double p_value = 1;               // that chance makes so steep a slope, of this series alone
  // Of an unsteady series: how many snapshots more, as these are, would tell. None: unlikely ever.
  std::optional<std::uint64_t> more_snapshots;
  // Of a filling one: where it will end.
  std::optional<std::int64_t> approaches;  // bytes
};

// When a limit is reached, in units after the last snapshot.
struct Forecast {
  double expected = 0;
  double soonest = 0;
  std::optional<double> latest;  // none: perhaps never
};

// None unless the series is growing. Zero where it is past the limit.
MTRACE_API std::optional<Forecast> reaches(const Judgement& judgement, std::int64_t last,
                                           std::int64_t limit);

struct StatisticTrend {
  GroupId group{};
  Series series;
  Judgement judgement;
};

// How something that the system sees of the process developed, where all snapshots say it.
struct MemoryTrend {
  std::vector<std::int64_t> size;  // bytes, one a snapshot
  Judgement judgement;
};

struct TrendRanking {
  std::uint64_t limit = 0;    // groups to keep; 0: all
  std::int64_t min_size = 0;  // bytes; leaves out groups that were smaller all the time
};

class MTRACE_API TrendReport : public Report {
 public:
  std::vector<Metadata> metadata;  // of each snapshot
  TrendOptions options;
  std::vector<double> x;  // what growth is counted by, at each snapshot
  // Growing where the whole is, or any group: groups that are not in `statistics`, too.
  Verdict verdict = Verdict::flat;
  Series total;  // of the selected blocks
  Judgement total_judgement;
  // All traced blocks, selected or not; what the allocator holds; what is resident.
  std::optional<MemoryTrend> traced, held, resident;
  std::array<std::uint64_t, kVerdicts.size()> verdicts{};  // groups of each, shown or not
  std::vector<StatisticTrend> statistics;                  // ranked; at most the ranking's limit
  std::uint64_t rest_groups = 0;
};

// Reads snapshot number `index`, oldest first. Called from several threads at once.
using SnapshotReader = std::function<Snapshot(std::size_t index)>;

// Follows the groups of three snapshots or more, which are read once each, as many at a time as
// there are cores. Ranked: what grows first, then by slope, by size in the last snapshot, and by
// traceback. Throws Error.
MTRACE_API TrendReport trend(std::size_t snapshots, const SnapshotReader& read,
                             const Selection& selection, const TrendOptions& options = {},
                             const TrendRanking& ranking = {});

}  // namespace memtrace
