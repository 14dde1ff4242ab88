// The number that hashes multiply by.
#pragma once

#include <cstdint>

namespace memtrace::wire {

// 2^64 over the golden ratio, odd: neighbours come to lie far apart, in the product's high bits.
inline constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;

}  // namespace memtrace::wire
