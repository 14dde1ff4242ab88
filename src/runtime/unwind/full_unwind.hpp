// Unwinding with every register, for the few stacks that need them.
#pragma once

#include <span>

#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// As unwind(), but beginning at this very function, whose registers are at hand, and evaluating
// rules for every frame: microseconds each. The frames up to `start` are left out. Where `start`
// is not one of its callers, nothing is found: 0 frames, truncated. Never repeatable.
UnwindResult unwind_with_all_registers(const Registers& start, const StackBounds& bounds,
                                       std::span<UnwoundFrame> frames);

}  // namespace memtrace::runtime
