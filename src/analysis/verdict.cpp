#include "analysis/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <optional>
#include <thread>

#include "analysis/trend_statistics.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// Mann-Kendall is a screen, not the proof: one series without a trend in ten passes it.
constexpr double kScreen = 1.28;
constexpr std::size_t kFewestForScreen = 20;
// Fewer tell nothing.
constexpr std::size_t kFewestSnapshots = 6;
// Growth of the last third as a share of what the pace before would have made of it: below this it
// has slowed down.
constexpr double kSlowPace = 0.4;
// Less will do where the whole series bends surely, and gives doubt where it perhaps bends
// (Student's t).
constexpr double kBendingPace = 0.85;
constexpr double kBends = -2.5;
constexpr double kPerhapsBends = -2.1;
// However regular it looks: its steps are taken to vary by so much, as a share of their mean. So
// certainty comes with the number of windows only.
constexpr double kLeastVariation = 0.3;
// What else growth must show turns away most of what passes the test by chance: half of the false
// alarms and more, measured (see ./dev bench trend). The test may let pass twice as many.
constexpr double kTestShare = 2;
// So many snapshots tell the slope of a series that cannot matter. All of a hundred take twenty
// times as long, and most series are such.
constexpr std::size_t kFewSnapshots = 24;
// How far an answer to "how many more snapshots?" goes, in times of those that there are.
constexpr double kFarthest = 20;

// The level of a part of the series, and when that was.
struct Level {
  double x = 0, y = 0;
};

// One series' points and the memory to work on them.
class SeriesJudge {
 public:
  SeriesJudge(std::span<const double> x, double material, std::size_t warm_up)
      : material_(material),
        warm_up_(warm_up),
        x_(x.begin() + static_cast<std::ptrdiff_t>(warm_up), x.end()),
        span_(x_.back() - x_.front()) {}

  struct Findings {
    Judgement judgement;
    bool is_tested = false;
    double t = 0, degrees_of_freedom = 0;  // of the slope
    bool grew = false, shrank = false;     // by as much as counts, and past the screen
    bool slows = false, perhaps_slows = false, still_grows = false, persists = false,
         blocks_grow = false;
  };

  // Everything that needs no other series.
  Findings examine(const SeriesView& series) {
    Findings findings;
    load(series.size);
    count_windows(findings.judgement);
    const auto [least, most] = std::minmax_element(y_.begin(), y_.end());
    if (*least == *most || span_ <= 0) return findings;
    // What was never as large as the least growth that counts has not grown by it.
    findings.is_tested = *most >= material_;
    measure(findings);
    if (findings.is_tested) compare_parts(findings);
    if (!series.count.empty()) {
      examine_blocks(series, findings);
    } else {
      findings.blocks_grow = true;
    }
    return findings;
  }

 private:
  [[nodiscard]] Points points() const { return {x_, y_}; }
  [[nodiscard]] std::size_t size() const { return y_.size(); }

  void load(std::span<const std::int64_t> values) {
    y_.clear();
    for (const std::int64_t value : values.subspan(warm_up_)) {
      y_.push_back(static_cast<double>(value));
    }
  }

  void count_windows(Judgement& judgement) const {
    judgement.windows = size() - 1;
    std::uint64_t grown = 0;
    for (std::size_t i = 1; i < size(); ++i) {
      grown = y_[i] > y_[i - 1] ? grown + 1 : 0;
      judgement.windows_grown = std::max(judgement.windows_grown, grown);
    }
  }

  void measure(Findings& findings) {
    Slope& slope = findings.judgement.slope;
    slope.value = findings.is_tested ? theil_sen_slope(points(), work_) : thinned_slope();
    slope.low = slope.high = slope.value;
    if (!findings.is_tested || size() < 3) return;
    const double correlation = cautious_autocorrelation(points(), slope.value);
    const NoisyLine line = fit_noisy_line(points(), correlation);
    const double reach = student_quantile(0.025, line.degrees_of_freedom) * line.standard_error;
    slope.low -= reach;
    slope.high += reach;
    NoisyLine doubted = line;
    const double least =
        kLeastVariation * std::abs(line.slope) / std::sqrt(static_cast<double>(size() - 1));
    doubted.standard_error = std::max(line.standard_error, least);
    findings.t = doubted.t();
    findings.degrees_of_freedom = line.degrees_of_freedom;
    findings.judgement.p_value = student_tail(findings.t, findings.degrees_of_freedom);
    // What a few snapshots show is to be doubted aloud, not to pass for flat: their correlation is
    // not known, and corrected for the worst one they would pass no screen.
    const bool is_few = size() < kFewestForScreen;
    const double screen = mann_kendall(points(), is_few ? 0 : correlation);
    findings.grew =
        slope.value * span_ >= material_ && (size() < kFewestSnapshots || screen >= kScreen);
    findings.shrank = -slope.value * span_ >= material_ && -screen >= kScreen;
  }

  double thinned_slope() {
    const std::size_t step = (size() + kFewSnapshots - 1) / kFewSnapshots;
    std::array<double, kFewSnapshots> x{}, y{};
    std::size_t kept = 0;
    for (std::size_t i = 0; i < size(); i += step, ++kept) {
      x[kept] = x_[i];
      y[kept] = y_[i];
    }
    return theil_sen_slope({std::span(x).first(kept), std::span(y).first(kept)}, work_);
  }

  // The medians of so many parts of equal length.
  template <std::size_t kParts>
  std::array<Level, kParts> levels() {
    std::array<Level, kParts> levels;
    for (std::size_t i = 0; i < kParts; ++i) {
      const std::size_t begin = size() * i / kParts;
      const std::size_t end = size() * (i + 1) / kParts;
      levels[i].x = median_of(x_, begin, end);
      levels[i].y = median_of(y_, begin, end);
    }
    return levels;
  }

  double median_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
    work_.assign(values.begin() + static_cast<std::ptrdiff_t>(begin),
                 values.begin() + static_cast<std::ptrdiff_t>(end));
    return median(work_);
  }

  void compare_parts(Findings& findings) {
    if (size() < kFewestSnapshots) return;
    const auto thirds = levels<3>();
    const double early = thirds[1].y - thirds[0].y;
    const double late = thirds[2].y - thirds[1].y;
    const double early_time = thirds[1].x - thirds[0].x;
    const double late_time = thirds[2].x - thirds[1].x;
    const auto slower_than = [&](double pace) {
      return early > 0 && late * early_time < pace * early * late_time;
    };
    const double bent = slower_than(kBendingPace) ? bend(points()) : 0;
    findings.slows = slower_than(kSlowPace) || bent < kBends;
    findings.perhaps_slows = bent < kPerhapsBends;
    const auto sixths = levels<6>();
    findings.still_grows = (sixths[5].y - sixths[4].y) * 3 >= material_;
    if (findings.slows && late > 0 && late < early) {
      findings.judgement.approaches =
          static_cast<std::int64_t>(thirds[2].y + late * late / (early - late));
    }
    findings.persists = rises_throughout() && floor_rises(early + late);
  }

  // One step, or two, are no trend: most of the parts are higher than the one before, and the last
  // one is.
  bool rises_throughout() {
    if (size() < 10) {
      const auto thirds = levels<3>();
      return thirds[1].y > thirds[0].y && thirds[2].y > thirds[1].y;
    }
    const auto fifths = levels<5>();
    int rises = 0;
    for (std::size_t i = 1; i < fifths.size(); ++i) rises += fifths[i].y > fifths[i - 1].y ? 1 : 0;
    return rises >= 3 && fifths[4].y > fifths[3].y;
  }

  // What comes back is no leak, however high it was in between.
  [[nodiscard]] bool floor_rises(double growth) const {
    const auto third = static_cast<std::ptrdiff_t>(size() / 3);
    const double before = *std::min_element(y_.begin(), y_.begin() + third);
    const double after = *std::min_element(y_.end() - third, y_.end());
    return after - before >= growth / 2;
  }

  void examine_blocks(const SeriesView& series, Findings& findings) {
    load(series.count);
    if (!findings.is_tested) {
      findings.judgement.count_slope = thinned_slope();
      return;
    }
    const double slope = theil_sen_slope(points(), work_);
    findings.judgement.count_slope = slope;
    findings.blocks_grow =
        slope > 0 && mann_kendall(points(), cautious_autocorrelation(points(), slope)) >= kScreen;
  }

  double material_;
  std::size_t warm_up_;
  std::vector<double> x_;
  double span_;
  std::vector<double> y_, work_;
};

using Findings = SeriesJudge::Findings;

// More of the same, until chance no longer explains it.
std::optional<std::uint64_t> more_snapshots(const Findings& findings, double tail) {
  const auto snapshots = static_cast<double>(findings.judgement.windows + 1);
  if (findings.t <= 0) return std::nullopt;
  const double needed = student_quantile(tail, std::max(findings.degrees_of_freedom, 20.0));
  const double factor = std::pow(needed / findings.t, 2);
  const double more =
      std::max(snapshots * (factor - 1), static_cast<double>(kFewestSnapshots) - snapshots);
  if (more > kFarthest * snapshots) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(std::max(more, 1.0)));
}

// The least growth that counts, in bytes.
double material_size(std::span<const std::int64_t> total, const TrendOptions& options) {
  std::vector<double> judged;
  for (const std::int64_t value : total.subspan(options.warm_up)) {
    judged.push_back(static_cast<double>(value));
  }
  return std::max(1.0, options.material * median(judged));
}

// Each series is examined alone, a batch at a time, on as many cores as there are.
std::vector<Findings> examine_all(std::span<const SeriesView> series, std::span<const double> x,
                                  double material, std::size_t warm_up) {
  constexpr std::size_t kBatch = 64;
  std::vector<Findings> findings(series.size());
  std::atomic<std::size_t> next = 0;
  const auto examine_batches = [&] {
    SeriesJudge judge(x, material, warm_up);
    for (;;) {
      const std::size_t begin = next.fetch_add(kBatch);
      if (begin >= series.size()) return;
      const std::size_t end = std::min(series.size(), begin + kBatch);
      for (std::size_t i = begin; i < end; ++i) findings[i] = judge.examine(series[i]);
    }
  };
  const auto threads =
      std::min<std::size_t>(std::thread::hardware_concurrency(), series.size() / (4 * kBatch));
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(examine_batches);
  examine_batches();
  return findings;
}

void decide(Findings& findings, bool is_significant, double tail) {
  Judgement& judgement = findings.judgement;
  if (judgement.windows + 1 < kFewestSnapshots) is_significant = false;
  const auto doubt = [&](Doubt why) {
    judgement.verdict = Verdict::unsteady;
    judgement.doubt = why;
  };
  if (findings.shrank && student_tail(-findings.t, findings.degrees_of_freedom) <= 0.01) {
    judgement.verdict = Verdict::shrinking;
  } else if (findings.grew && findings.slows) {
    judgement.verdict = findings.still_grows ? Verdict::filling : Verdict::flat;
  } else if (findings.grew && !is_significant) {
    judgement.more_snapshots = more_snapshots(findings, tail);
    doubt(judgement.more_snapshots ? Doubt::few_snapshots : Doubt::noise);
  } else if (findings.grew && findings.perhaps_slows) {
    judgement.more_snapshots = judgement.windows / 2 + 1;
    doubt(Doubt::slowing);
  } else if (findings.grew && !findings.persists) {
    judgement.more_snapshots = judgement.windows / 2 + 1;
    doubt(Doubt::not_persistent);
  } else if (findings.grew && !findings.blocks_grow) {
    doubt(Doubt::no_more_blocks);
  } else if (findings.grew) {
    judgement.verdict = Verdict::growing;
  }
  if (judgement.verdict != Verdict::filling) judgement.approaches.reset();
}

}  // namespace

std::vector<Judgement> judge(std::span<const SeriesView> series, std::span<const double> x,
                             std::span<const std::int64_t> total, const TrendOptions& options) {
  if (x.size() < 3 || options.warm_up > x.size() - 3) {
    throw Error(
        fmt::format("a trend takes 3 snapshots after the warm-up of {}; there are {} in all",
                    options.warm_up, x.size()));
  }
  std::vector<Findings> findings =
      examine_all(series, x, material_size(total, options), options.warm_up);
  std::vector<double> p_values;
  for (const Findings& one : findings) {
    if (one.is_tested) p_values.push_back(one.judgement.p_value);
  }
  const double level = kTestShare * options.false_alarms;
  const std::vector<char> significant = holm(p_values, level);
  const double tail = level / static_cast<double>(std::max<std::size_t>(1, p_values.size()));
  std::vector<Judgement> judgements;
  judgements.reserve(findings.size());
  std::size_t tested = 0;
  for (Findings& one : findings) {
    const bool is_significant = one.is_tested && significant[tested++] != 0;
    decide(one, is_significant, tail);
    judgements.push_back(one.judgement);
  }
  return judgements;
}

}  // namespace memtrace
