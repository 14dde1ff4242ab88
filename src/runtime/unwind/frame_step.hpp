// From one frame's registers to its caller's, by any rules.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/unwind/frame_rules.hpp"
#include "runtime/unwind/register_set.hpp"
#include "runtime/unwind/stack_memory.hpp"

namespace memtrace::runtime {

enum class StepResult : std::uint8_t {
  stepped,
  end_of_stack,
  unknown_register,  // it can be followed, by somebody who knows more registers
  cannot_follow,
};

// Rules of one frame and the bytes that their expressions point into.
struct LocatedRules {
  FrameRules rules;
  std::span<const std::uint8_t> segment;
};

// The rules for the frame at `pc`, an interrupted instruction (`exact`) or a return address: from
// the module's tables, where they say nothing from what the code looks like, and in the end by
// hoping for a frame pointer. false: no code lies there.
bool find_rules(std::uintptr_t pc, bool exact, LocatedRules& located);

// What the rules of a frame are looked up by. A call may be a function's last instruction and
// return to another function's first: the byte before belongs to the call.
inline std::uintptr_t lookup_address(std::uintptr_t pc, bool exact) {
  return exact ? pc : pc - 1;
}

// Which registers of the caller step_frame() works out.
enum class Wanted : std::uint8_t { pc_sp_rbp, all };

// With Wanted::pc_sp_rbp everything else is unknown afterwards.
StepResult step_frame(const LocatedRules& located, Wanted wanted, RegisterSet& registers,
                      StackMemory& memory);

}  // namespace memtrace::runtime
