// What is said of series whose truth is known. `./dev bench trend` does the same at length.
#include "analysis/verdict.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "mtrace/error.hpp"
#include "support/simulated_series.hpp"

namespace memtrace::test {
namespace {

using Numbers = std::vector<std::int64_t>;

// One series that is everything there is.
Judgement judge_alone(const Numbers& sizes, const Numbers& counts = {},
                      const TrendOptions& options = {}) {
  const SeriesView series{sizes, counts};
  return judge({&series, 1}, indexes(sizes.size()), sizes, options).front();
}

Numbers made(std::size_t size, double (*value)(double)) {
  Numbers numbers;
  for (std::size_t i = 0; i < size; ++i)
    numbers.push_back(std::llround(value(static_cast<double>(i))));
  return numbers;
}

Numbers first(const Numbers& numbers, std::size_t size) {
  return {numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(size)};
}

TEST_CASE("a leak of one chunk a window grows") {
  const Judgement judgement = judge_alone(made(30, [](double i) { return 1e6 + 4096 * i; }),
                                          made(30, [](double i) { return 100 + i; }));
  CHECK(judgement.verdict == Verdict::growing);
  CHECK(judgement.slope.value == 4096);
  CHECK(judgement.slope.low == doctest::Approx(4096));
  CHECK(judgement.count_slope == 1);
  CHECK(judgement.windows == 29);
  CHECK(judgement.windows_grown == 29);
  CHECK(judgement.p_value < 1e-9);
}

TEST_CASE("growth is counted by what x is: hours, work") {
  const Numbers sizes = made(20, [](double i) { return 1e6 + 5000 * i; });
  std::vector<double> x = indexes(20);
  for (double& value : x) value *= 250;
  const SeriesView series{sizes, {}};
  CHECK(judge({&series, 1}, x, sizes, {}).front().slope.value == 20);
}

TEST_CASE("a pool that recycles: filling, then flat; with one chunk lost a window: growing") {
  // The most that was ever needed at once, in chunks of 64 KiB.
  const Numbers pool =
      made(200, [](double i) { return 65536 * std::floor(200 * (1 - std::exp(-(i + 1) / 8))); });
  CHECK(judge_alone(first(pool, 24)).verdict == Verdict::filling);
  CHECK(judge_alone(first(pool, 60)).verdict == Verdict::flat);
  CHECK(judge_alone(pool, {}, {.warm_up = 30}).verdict == Verdict::flat);
  const auto approaches = judge_alone(first(pool, 24)).approaches;
  REQUIRE(approaches);
  CHECK(static_cast<double>(*approaches) == doctest::Approx(200 * 65536).epsilon(0.05));

  Numbers leaking = pool;
  for (std::size_t i = 0; i < leaking.size(); ++i)
    leaking[i] += 65536 * static_cast<std::int64_t>(i);
  CHECK(judge_alone(leaking).verdict == Verdict::growing);
  CHECK(judge_alone(first(leaking, 60), {}, {.warm_up = 30}).verdict == Verdict::growing);
}

TEST_CASE("what ends is flat: a step, warm-up, a plateau, a sawtooth") {
  CHECK(judge_alone(Numbers(10, 4096)).verdict == Verdict::flat);
  CHECK(judge_alone(made(30, [](double i) { return i < 12 ? 1e6 : 2e6; })).verdict ==
        Verdict::flat);
  CHECK(judge_alone(made(50, [](double i) { return 1e5 * std::min(i, 8.0); })).verdict ==
        Verdict::flat);
  CHECK(judge_alone(made(100, [](double i) { return 1e5 * std::min(i, 30.0); })).verdict ==
        Verdict::flat);
  CHECK(judge_alone(made(60, [](double i) { return 1e5 * (1 + std::fmod(i, 9)); })).verdict ==
        Verdict::flat);
}

TEST_CASE("shrinking") {
  CHECK(judge_alone(made(30, [](double i) { return 1e6 - 4096 * i; })).verdict ==
        Verdict::shrinking);
}

TEST_CASE("a few snapshots cannot tell, and say how many more would") {
  for (const std::size_t size : {3U, 4U, 5U}) {
    const Judgement judgement = judge_alone(made(size, [](double i) { return 1e6 + 50000 * i; }));
    CHECK(judgement.verdict == Verdict::unsteady);
    CHECK(judgement.doubt == Doubt::few_snapshots);
    CHECK(judgement.more_snapshots.value_or(0) >= 6 - size);
  }
  CHECK_THROWS_AS(judge_alone({1, 2}), Error);
  CHECK_THROWS_AS(judge_alone(Numbers(9, 1), {}, {.warm_up = 7}), Error);
  CHECK_THROWS_AS(judge_alone(Numbers(9, 1), {}, {.warm_up = ~std::uint64_t{0}}), Error);
}

TEST_CASE("bytes that grow without more blocks are no leak for sure") {
  const Numbers sizes = made(30, [](double i) { return 1e6 + 4096 * i; });
  const Judgement judgement = judge_alone(sizes, Numbers(30, 1));
  CHECK(judgement.verdict == Verdict::unsteady);
  CHECK(judgement.doubt == Doubt::no_more_blocks);
}

TEST_CASE("growth that is small beside everything is flat, and has a slope") {
  const Numbers leak = made(30, [](double i) { return 1000 + 10 * i; });
  const Numbers total(30, 1'000'000);
  const SeriesView series{leak, {}};
  const auto judged = [&](double material) {
    return judge({&series, 1}, indexes(30), total, {.material = material}).front();
  };
  CHECK(judged(0.01).verdict == Verdict::flat);
  CHECK(judged(0.01).slope.value == 10);
  CHECK(judged(0.0001).verdict == Verdict::growing);
}

TEST_CASE("when a limit is reached") {
  const Numbers sizes =
      made(30, [](double i) { return 1e6 + 1000 * i + (static_cast<int>(i) % 3) * 300; });
  const Judgement judgement = judge_alone(sizes);
  REQUIRE(judgement.verdict == Verdict::growing);
  const auto forecast = reaches(judgement, sizes.back(), sizes.back() + 100'000);
  REQUIRE(forecast);
  CHECK(forecast->expected == doctest::Approx(100).epsilon(0.05));
  CHECK(forecast->soonest <= forecast->expected);
  CHECK(forecast->latest.value_or(0) >= forecast->expected);
  CHECK(reaches(judgement, 100, 50)->expected == 0);
  CHECK(!reaches(judge_alone(Numbers(10, 1)), 1, 2));
}

// A small part of the bench, from fixed seeds.
TEST_CASE("simulated runs: few false alarms, few leaks missed") {
  for (const std::size_t snapshots : {10U, 30U, 100U}) {
    Random random(snapshots);
    int alarms = 0, found = 0, leaks = 0, wrong = 0;
    for (int run = 0; run < 40; ++run) {
      std::vector<Kind> added;
      if (run % 2 == 1) added = {Kind::linear_leak, Kind::poisson_leak};
      const Run simulated = simulate_run(snapshots, added, random);
      std::vector<SeriesView> views;
      for (const Series& series : simulated.series) views.push_back({series.size, series.count});
      const auto judgements = judge(views, indexes(snapshots), simulated.total, {});
      for (std::size_t i = 0; i < judgements.size(); ++i) {
        const bool grows = judgements[i].verdict == Verdict::growing;
        if (is_leak(simulated.shapes[i].kind)) {
          ++leaks;
          found += grows ? 1 : 0;
        } else if (grows) {
          ++(added.empty() ? alarms : wrong);
        }
      }
    }
    CAPTURE(snapshots);
    CHECK(alarms <= 1);
    CHECK(wrong <= 1);
    CHECK(found >= leaks * (snapshots == 10 ? 0.75 : 0.9));
  }
}

}  // namespace
}  // namespace memtrace::test
