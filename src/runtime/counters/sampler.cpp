#include "runtime/counters/sampler.hpp"

#include <algorithm>
#include <bit>

#include "runtime/container/keyed_hash.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {
namespace {

// libm is not linked; the processor knows both functions itself. Some 50 ns each.

double natural_logarithm(double value) {
  long double result = 0;
  asm("fldln2\n\tfxch\n\tfyl2x" : "=t"(result) : "0"(static_cast<long double>(value)) : "st(1)");
  return static_cast<double>(result);
}

// 2^exponent - 1, for exponents from -1 to 1.
double small_power_minus_one(double exponent) {
  long double result = 0;
  asm("f2xm1" : "=t"(result) : "0"(static_cast<long double>(exponent)));
  return static_cast<double>(result);
}

double power_of_two(int exponent) {
  constexpr int kBias = 1023;
  constexpr unsigned kMantissaBits = 52;
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + kBias) << kMantissaBits);
}

}  // namespace

double sampling_probability(std::uint64_t size, std::uint64_t rate) {
  constexpr double kLog2OfE = 1.4426950408889634;
  constexpr double kCertain = 64;  // 2^-64 is nothing beside 1
  const double halvings = static_cast<double>(size) / static_cast<double>(rate) * kLog2OfE;
  if (halvings >= kCertain) return 1;
  const int whole = static_cast<int>(halvings);
  const double rest = small_power_minus_one(whole - halvings);
  // Without the detour by 1, small probabilities keep all their digits.
  return whole == 0 ? -rest : 1 - (rest + 1) * power_of_two(-whole);
}

Variance sampling_variance(std::uint64_t size, std::uint64_t rate) {
  const double probability = sampling_probability(std::max<std::uint64_t>(size, 1), rate);
  const double count = (1 - probability) / (probability * probability);
  return {static_cast<double>(size) * static_cast<double>(size) * count, count};
}

double Sampler::draw() {
  constexpr double kStep = 0x1p-53;
  constexpr unsigned kSpareBits = 11;
  state_ += wire::kGoldenRatio;
  return static_cast<double>((scatter(state_) >> kSpareBits) + 1) * kStep;
}

std::int64_t Sampler::draw_distance(std::uint64_t rate) {
  constexpr double kFarthest = 0x1p62;  // nobody allocates as much
  const double distance = -natural_logarithm(draw()) * static_cast<double>(rate);
  return static_cast<std::int64_t>(std::min(distance, kFarthest));
}

std::int64_t Sampler::round(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return whole + (draw() <= value - static_cast<double>(whole) ? 1 : 0);
}

Counter Sampler::draw_weight(std::uint64_t size, std::uint64_t rate) {
  const double probability = sampling_probability(std::max<std::uint64_t>(size, 1), rate);
  return {round(static_cast<double>(size) / probability), round(1 / probability)};
}

}  // namespace memtrace::runtime
