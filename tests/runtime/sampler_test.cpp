// Sampling is unbiased, and says how far off it may be.
#include "runtime/counters/sampler.hpp"

#include <doctest/doctest.h>

#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/hooks/hook.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/snapshot_copy.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::uint64_t kRate = 4096;

struct Estimate {
  double size = 0, count = 0;
  Variance variance;
};

// What a thread does, without the tracer around it.
Estimate sample(Sampler& sampler, const std::vector<std::uint64_t>& sizes) {
  Estimate estimate;
  std::int64_t until = sampler.draw_distance(kRate);
  for (const std::uint64_t size : sizes) {
    until -= static_cast<std::int64_t>(size);
    if (until >= 0) continue;
    const Counter weight = sampler.draw_weight(size, kRate);
    const Variance variance = sampling_variance(size, kRate);
    estimate.size += static_cast<double>(weight.size);
    estimate.count += static_cast<double>(weight.count);
    estimate.variance.size += variance.size;
    estimate.variance.count += variance.count;
    until = sampler.draw_distance(kRate);
  }
  return estimate;
}

std::vector<std::uint64_t> some_sizes(std::size_t count) {
  std::minstd_rand random(3);
  std::vector<std::uint64_t> sizes(count);
  for (std::uint64_t& size : sizes)
    size = random() % 16 == 0 ? random() % 20000 : 1 + random() % 100;
  return sizes;
}

TEST_CASE("the probability is 1 - exp(-size / rate), to all digits") {
  for (const std::uint64_t size : {1U, 7U, 100U, 2839U, 4096U, 4097U, 20000U, 150000U}) {
    CAPTURE(size);
    const double ratio = static_cast<double>(size) / static_cast<double>(kRate);
    CHECK(sampling_probability(size, kRate) == doctest::Approx(-std::expm1(-ratio)).epsilon(1e-13));
  }
  CHECK(sampling_probability(1U << 30, kRate) == 1);
  CHECK(sampling_variance(1U << 30, kRate).count == 0);
}

TEST_CASE("estimates are right on average, and as far off as their variance says") {
  constexpr int kRuns = 400;
  const std::vector<std::uint64_t> sizes = some_sizes(3000);
  double size = 0;
  for (const std::uint64_t one : sizes) size += static_cast<double>(one);
  const auto count = static_cast<double>(sizes.size());
  Sampler sampler;
  sampler.seed(12345);
  double size_bias = 0, count_bias = 0, size_square = 0, count_square = 0;
  Variance variance;
  for (int run = 0; run < kRuns; ++run) {
    const Estimate estimate = sample(sampler, sizes);
    size_bias += (estimate.size - size) / kRuns;
    count_bias += (estimate.count - count) / kRuns;
    size_square += (estimate.size - size) * (estimate.size - size) / kRuns;
    count_square += (estimate.count - count) * (estimate.count - count) / kRuns;
    variance.size += estimate.variance.size / kRuns;
    variance.count += estimate.variance.count / kRuns;
  }
  // The mean of so many runs is off by a twentieth of one run's standard error.
  CHECK(std::abs(size_bias) < 4 * std::sqrt(variance.size / kRuns));
  CHECK(std::abs(count_bias) < 4 * std::sqrt(variance.count / kRuns));
  CHECK(size_square == doctest::Approx(variance.size).epsilon(0.25));
  CHECK(count_square == doctest::Approx(variance.count).epsilon(0.25));
}

[[gnu::noinline]] void allocate_sampled(void* pointer, std::size_t size) {
  sample_allocation(pointer, size);
  asm volatile("");
}

TEST_CASE("what was added for a sampled block is subtracted when it goes") {
  REQUIRE(start_tracing({.sampling_rate = kRate}));
  std::vector<void*> blocks;
  for (const std::uint64_t size : some_sizes(5000)) {
    blocks.push_back(std::malloc(size + 1));
    allocate_sampled(blocks.back(), size);
  }
  SnapshotData data;
  REQUIRE(take_snapshot_data(data));
  Counter live;
  Variance variance;
  for (const SnapshotRow& row : data.rows) {
    live += row.live;
    variance += row.live_variance;
  }
  CHECK(live.count > 0);
  CHECK(live.count == doctest::Approx(5000).epsilon(6 * std::sqrt(variance.count) / 5000));
  CHECK(data.current == static_cast<std::uint64_t>(live.size));
  CHECK(data.sampling_rate == kRate);
  release_snapshot_data(data);
  for (void* const block : blocks) {
    traced_release(block);
    std::free(block);
  }
  REQUIRE(take_snapshot_data(data));
  for (const SnapshotRow& row : data.rows) {
    CHECK(row.live.size == 0);
    CHECK(row.live.count == 0);
    CHECK(row.live_variance.size <= 1e-6 * row.total_variance.size);
    CHECK(row.total.count > 0);
  }
  CHECK(data.current == 0);
  release_snapshot_data(data);
  stop_tracing();
}

TEST_CASE("a thread samples with the rate that tracing began with last") {
  std::vector<void*> blocks;
  for (int i = 0; i < 400; ++i) blocks.push_back(std::malloc(100));
  for (const std::uint64_t rate : {std::uint64_t{1} << 50, std::uint64_t{1}}) {
    REQUIRE(start_tracing({.sampling_rate = rate}));
    for (void* const block : blocks) allocate_sampled(block, 100);
    SnapshotData data;
    REQUIRE(take_snapshot_data(data));
    // All blocks, but for those that were allocated before the thread looked at the rate again.
    const bool is_every_block = rate == 1;
    CHECK(data.current >= (is_every_block ? 40000U - SampleDistance::kStep - 100U : 0U));
    CHECK(data.current <= (is_every_block ? 40000U : 0U));
    release_snapshot_data(data);
    for (void* const block : blocks) traced_release(block);
    stop_tracing();
  }
  for (void* const block : blocks) std::free(block);
}

TEST_CASE("no distance is too long to be counted") {
  Sampler sampler;
  sampler.seed(7);
  for (int i = 0; i < 10000; ++i) CHECK(sampler.draw_distance(999'999'999'999'999'999) >= 0);
}

TEST_CASE("the program's floating point environment stays as it is") {
  REQUIRE(start_tracing({.sampling_rate = 64}));
  std::vector<void*> blocks;
  for (int i = 0; i < 200; ++i) blocks.push_back(std::malloc(100));
  std::feclearexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_UPWARD);
  // Traps what every division raises, in the vector unit and in the old one.
  feenableexcept(FE_ALL_EXCEPT);
  for (void* const block : blocks) allocate_sampled(block, 100);
  SnapshotData data;
  const bool taken = take_snapshot_data(data);
  for (void* const block : blocks) traced_release(block);
  const int trapped = fegetexcept();
  const int raised = std::fetestexcept(FE_ALL_EXCEPT), rounding = std::fegetround();
  std::fesetenv(FE_DFL_ENV);
  CHECK(taken);
  CHECK(data.rows.size() > 0);
  CHECK(raised == 0);
  CHECK(rounding == FE_UPWARD);
  CHECK(trapped == FE_ALL_EXCEPT);
  release_snapshot_data(data);
  stop_tracing();
  for (void* const block : blocks) std::free(block);
}

}  // namespace
}  // namespace memtrace::runtime
