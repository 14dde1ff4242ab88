// An interpreter's frames among the machine's: each call of its evaluator stands for the frames
// that it runs.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/stacks/interpreter_front_end.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// One of the machine's frames, or one of the interpreter's, by its place among those.
struct MergedFrame {
  bool is_machine = false;
  std::uint32_t index = 0;
};

// A stack of the machine, most recent frame first, and where its frames lie.
struct MachineFrames {
  std::span<const UnwoundFrame> frames;
  std::uintptr_t begin = 0;  // of the first one
  // Of each frame, exclusive, as far as it is known: the caller's frame begins there.
  std::span<const std::uintptr_t> ends;
};

// What the unwinder has read says where the frames end: behind their return addresses. As many as
// are certain; `ends` has room for all of them.
std::span<const std::uintptr_t> find_frame_ends(std::span<const UnwoundFrame> frames,
                                                std::span<const ReadWord> words,
                                                std::span<std::uintptr_t> ends);

// Puts them in order, most recent first, and gives their number: at most that of both. Frames of
// the interpreter whose call is not found come last, as those whose call lies beyond what was
// unwound.
std::uint32_t merge_frames(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
                           bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into);

}  // namespace memtrace::runtime
