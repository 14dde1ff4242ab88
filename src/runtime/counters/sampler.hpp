// Which blocks are sampled, and for how many each of them stands.
//
// Sampling is a Poisson process over the bytes that a thread allocates, `rate` bytes apart on
// average: a block of `size` bytes is sampled with the probability p = 1 - exp(-size / rate),
// whatever came before. It then stands for 1/p blocks and size/p bytes (Horvitz and Thompson), so
// that every sum is unbiased block by block; its part of the sums' variances is (1-p)/p^2 blocks
// squared, and size^2 times that bytes squared.
//
// All of it computes in floating point: whoever calls it in the program's threads holds an
// OwnFloatingPoint.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::runtime {

// 1 - exp(-size / rate).
double sampling_probability(std::uint64_t size, std::uint64_t rate);

// What a sampled block of `size` bytes adds to the sums' variances.
Variance sampling_variance(std::uint64_t size, std::uint64_t rate);

// One thread's randomness.
class Sampler {
 public:
  [[nodiscard]] bool is_seeded() const { return state_ != 0; }
  void seed(std::uint64_t seed) { state_ = seed | 1; }

  // Bytes until the next sample: a block that is longer is sampled.
  std::int64_t draw_distance(std::uint64_t rate);
  // What a sampled block of `size` bytes stands for: whole numbers, right on average.
  Counter draw_weight(std::uint64_t size, std::uint64_t rate);

 private:
  // Above 0, at most 1.
  double draw();
  std::int64_t round(double value);

  std::uint64_t state_ = 0;
};

}  // namespace memtrace::runtime
