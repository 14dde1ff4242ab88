// Whole stacks without frame pointers, from .eh_frame tables that are compiled once.
#pragma once

#include <cstdint>
#include <span>

namespace memtrace::runtime {

// Where an unwind starts: a function's caller at the call. `pc` is the return address, `sp` the
// stack pointer after the return (the callee's CFA), `rbp` the caller's.
struct Registers {
  std::uintptr_t pc = 0;
  std::uintptr_t sp = 0;
  std::uintptr_t rbp = 0;
};

struct UnwoundFrame {
  std::uintptr_t pc = 0;
  bool exact = false;  // an interrupted instruction, not a return address
};

// What the stack words that decided an unwind were: a second unwind that starts from the same
// registers and finds the same values at the same places gives the same frames.
struct ReadWord {
  std::uintptr_t address = 0;
  std::uintptr_t value = 0;
};

struct UnwindResult {
  std::uint32_t frames = 0;
  std::uint32_t words = 0;  // of the read words; 0 with `repeatable` false
  bool truncated =
      false;  // there were more frames than room, or the stack could not be followed to its end
  bool repeatable =
      false;  // all that decided is in `words` (they fitted, and no other register mattered)
  bool used_rbp = true;  // the rbp at the start may have decided too
};

struct StackBounds {
  std::uintptr_t low = 0;   // inclusive
  std::uintptr_t high = 0;  // exclusive; low == high: not known
};

class RowCache;  // per thread: pc -> compiled row

// Most recent frame first: frames[0] is `start.pc`. Reads only what lies in `bounds`, or, where the
// start lies outside (a coroutine's stack, an alternate one), what it has found to be readable.
// Never allocates from the heap, takes no lock that the dynamic loader could hold. `words` may be
// empty.
UnwindResult unwind(const Registers& start, const StackBounds& bounds, RowCache& cache,
                    std::span<UnwoundFrame> frames, std::span<ReadWord> words);

// Unwinding with every register, for the few stacks that need them.

// As unwind(), but beginning at this very function, whose registers are at hand, and evaluating
// rules for every frame: microseconds each. The frames up to `start` are left out. Where `start`
// is not one of its callers, nothing is found: 0 frames, truncated. Never repeatable.
UnwindResult unwind_with_all_registers(const Registers& start, const StackBounds& bounds,
                                       std::span<UnwoundFrame> frames);

// Where an unwind begins that is none of the tracer's own functions.

// The registers of whoever called the function that this is written in. It must have a frame
// pointer: it is compiled with -fno-omit-frame-pointer.
[[gnu::always_inline]] inline Registers caller_registers() {
  // The caller's rbp and the return address lie there.
  constexpr std::uintptr_t kSavedWords = 2 * sizeof(std::uintptr_t);
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return {reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)), frame + kSavedWords,
          *reinterpret_cast<const std::uintptr_t*>(frame)};
}

}  // namespace memtrace::runtime
