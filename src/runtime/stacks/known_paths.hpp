// Where in the tree of tracebacks an interpreter's stacks were added: most often the next one
// begins like one of the last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/stacks/interpreter_front_end.hpp"

namespace memtrace::runtime {

// Used by one thread at a time; zeroed memory knows nothing. A comparison of two words replaces a
// look into two hash tables.
class KnownPaths {
 public:
  // The outermost frames that are known, and the node of the last of them.
  struct Begin {
    std::size_t depth = 0;
    std::uint32_t node = 0;
  };

  // `frames`: most recent first. What was put in another era is not known.
  [[nodiscard]] Begin begin_of(std::span<const InterpretedFrame> frames, std::uint32_t era) const {
    const Path& path = paths_[index_of(frames)];
    Begin begin;
    if (path.era != era) return begin;
    const std::size_t most = std::min(path.depth, frames.size());
    while (begin.depth < most && path.steps[begin.depth].is_of(frame_at(frames, begin.depth))) {
      begin.node = path.steps[begin.depth++].node;
    }
    return begin;
  }

  // What begin_of() said of the frames, and the nodes of the others, outermost first.
  void put(std::span<const InterpretedFrame> frames, std::uint32_t era, const Begin& begin,
           std::span<const std::uint32_t> nodes) {
    Path& path = paths_[index_of(frames)];
    path.era = era;
    path.depth = std::min(frames.size(), kMostSteps);
    for (std::size_t depth = begin.depth; depth < path.depth; ++depth) {
      const InterpretedFrame& frame = frame_at(frames, depth);
      path.steps[depth] = {frame.code, frame.instruction, nodes[depth - begin.depth]};
    }
  }

 private:
  static constexpr std::size_t kPaths = 64;
  static constexpr std::size_t kMostSteps = 64;
  struct Step {
    std::uintptr_t code = 0;
    std::uintptr_t instruction = 0;
    std::uint32_t node = 0;
    [[nodiscard]] bool is_of(const InterpretedFrame& frame) const {
      return instruction == frame.instruction && code == frame.code;
    }
  };
  struct Path {
    std::uint32_t era = 0;
    std::size_t depth = 0;
    std::array<Step, kMostSteps> steps;  // outermost first
  };

  static const InterpretedFrame& frame_at(std::span<const InterpretedFrame> frames,
                                          std::size_t depth) {
    return frames[frames.size() - 1 - depth];
  }
  // Stacks that are cut begin elsewhere with each frame that they are deeper: by the first few.
  static std::size_t index_of(std::span<const InterpretedFrame> frames) {
    constexpr std::size_t kLookedAt = 8;
    std::uint64_t sum = 0;
    for (const InterpretedFrame& frame : frames.last(std::min(frames.size(), kLookedAt))) {
      sum = scatter(sum, frame.instruction);
    }
    return sum % kPaths;
  }

  std::array<Path, kPaths> paths_;
};

}  // namespace memtrace::runtime
