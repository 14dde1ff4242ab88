// How often `trend` is right: trend_simulation RUNS [SEED].
//
// Simulates runs of programs with and without leaks, of 10, 30 and 100 snapshots, and prints what
// is said of each kind of series, and how many runs without a leak raise the alarm.
#include <fmt/format.h>

#include <cstdlib>

#include "analysis/verdict.hpp"
#include "support/simulated_series.hpp"

namespace memtrace::test {
namespace {

std::vector<Judgement> judge_run(const Run& run) {
  std::vector<SeriesView> views;
  for (const Series& series : run.series) views.push_back({series.size, series.count});
  std::vector<double> x;
  for (std::size_t i = 0; i < run.total.size(); ++i) x.push_back(static_cast<double>(i));
  return judge(views, x, run.total, TrendOptions());
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// What was said of each kind.
class Verdicts {
 public:
  // Only what was large enough to be tested.
  void add(Kind kind, const Judgement& judgement) {
    if (judgement.p_value == 1) return;
    ++counts_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(judgement.verdict)];
  }

  void print() const {
    fmt::print("  {:<14} {:>8}", "kind", "series");
    for (const Verdict verdict : kVerdicts) fmt::print(" {:>9}", memtrace::name_of(verdict));
    fmt::print("\n");
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      std::uint64_t sum = 0;
      for (const std::uint64_t count : counts_[kind]) sum += count;
      if (sum == 0) continue;
      fmt::print("  {:<14} {:>8}", name_of(static_cast<Kind>(kind)), sum);
      for (const std::uint64_t count : counts_[kind])
        fmt::print(" {:>8.2f}%", 100 * share(count, sum));
      fmt::print("\n");
    }
  }

 private:
  std::array<std::array<std::uint64_t, kVerdicts.size()>, kKinds> counts_{};
};

struct Tally {
  Verdicts verdicts;
  std::uint64_t alarms = 0;             // of runs without a leak
  std::uint64_t found = 0, missed = 0;  // leaks
  std::uint64_t wrong = 0;              // what grows in runs with leaks, and is none
  std::uint64_t held = 0, slopes = 0;   // linear leaks whose slope is in the interval

  void add_leak_free(const Run& run) {
    const std::vector<Judgement> judgements = judge_run(run);
    bool is_alarm = false;
    for (std::size_t i = 0; i < judgements.size(); ++i) {
      verdicts.add(run.shapes[i].kind, judgements[i]);
      is_alarm |= judgements[i].verdict == Verdict::growing;
    }
    if (is_alarm) ++alarms;
  }

  void add_leaking(const Run& run) {
    const std::vector<Judgement> judgements = judge_run(run);
    for (std::size_t i = 0; i < judgements.size(); ++i) {
      const bool grows = judgements[i].verdict == Verdict::growing;
      if (!is_leak(run.shapes[i].kind)) {
        if (grows) ++wrong;
        continue;
      }
      verdicts.add(run.shapes[i].kind, judgements[i]);
      ++(grows ? found : missed);
      add_slope(run.shapes[i], judgements[i]);
    }
  }

  void add_slope(const Shape& shape, const Judgement& judgement) {
    if (shape.kind != Kind::linear_leak) return;
    const double slope = shape.growth / static_cast<double>(judgement.windows);
    ++slopes;
    if (judgement.slope.low <= slope && slope <= judgement.slope.high) ++held;
  }

  // Of those that nobody can tell, only what is said of them counts.
  void add_beyond_reach(const Run& run, std::size_t added) {
    const std::vector<Judgement> judgements = judge_run(run);
    for (std::size_t i = judgements.size() - added; i < judgements.size(); ++i) {
      verdicts.add(run.shapes[i].kind, judgements[i]);
    }
  }
};

void simulate_length(std::size_t snapshots, std::uint64_t runs, std::uint64_t seed) {
  Random random(seed + snapshots);
  Tally tally;
  for (std::uint64_t i = 0; i < runs; ++i) {
    tally.add_leak_free(simulate_run(snapshots, {}, random));
    std::vector<Kind> leaks;
    for (std::uint64_t leak = 0; leak <= i % 3; ++leak) {
      leaks.push_back(static_cast<Kind>(random() % 3));
    }
    tally.add_leaking(simulate_run(snapshots, leaks, random));
    const std::vector<Kind> beyond_reach = {Kind::slow_cache, Kind::late_plateau};
    if (i % 4 == 0) {
      tally.add_beyond_reach(simulate_run(snapshots, beyond_reach, random), beyond_reach.size());
    }
  }
  fmt::print("{} snapshots, {} runs without a leak and {} with:\n", snapshots, runs, runs);
  fmt::print("  alarms in {:.2f}% of the runs without; precision {:.3f} and recall {:.3f} a line\n",
             100 * share(tally.alarms, runs), share(tally.found, tally.found + tally.wrong),
             share(tally.found, tally.found + tally.missed));
  fmt::print("  the interval holds a linear leak's slope in {:.1f}%\n",
             100 * share(tally.held, tally.slopes));
  tally.verdicts.print();
}

}  // namespace
}  // namespace memtrace::test

int main(int argc, char** argv) {
  const std::uint64_t runs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (const std::size_t snapshots : {10U, 30U, 100U}) {
    memtrace::test::simulate_length(snapshots, runs, seed);
  }
}
