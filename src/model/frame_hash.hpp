// Hashes of ids and frames.
#pragma once

#include <cstdint>

#include "mtrace/snapshot.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace {

// Folds the product of both, so that every input bit reaches the low bits, which choose a bucket.
constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a ^ wire::kGoldenRatio} * Wide{b ^ 0xD1B54A32D192ED03U};
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

struct FrameHash {
  std::size_t operator()(const Frame& frame) const {
    const std::uint64_t line = std::uint64_t{index_of(frame.filename)} << 32 | frame.lineno;
    const std::uint64_t rest = std::uint64_t{index_of(frame.module)} << 32;
    return mix(mix(line, index_of(frame.function)) ^ static_cast<std::uint64_t>(frame.kind),
               frame.offset ^ rest);
  }
};

}  // namespace memtrace
