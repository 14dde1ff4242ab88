// Finds the instructions that nearly all of a tracemalloc dump consists of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace memtrace {

// A trace as picklers write it since Python 3.9 and protocol 4: a mark, two numbers, a reference to
// its traceback in the memo, a number, TUPLE, MEMOIZE.
struct CommonTrace {
  std::uint32_t domain, size, traceback, total_frames;  // traceback: index into the memo
  bool memoized;
  const std::uint8_t* end;  // behind its last instruction
};

using CommonTraces = std::array<CommonTrace, 64>;

// Fills `traces` with as many as follow each other. `at` is behind the first one's mark and has
// `remaining` bytes. Returns how many there are; anything else ends them and is left to whoever
// reads instruction by instruction, wrong or not.
std::size_t find_common_traces(const std::uint8_t* at, std::size_t remaining, CommonTraces& traces);

}  // namespace memtrace
