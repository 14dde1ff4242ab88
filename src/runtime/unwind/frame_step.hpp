// Values of registers by DWARF's numbers, as far as they are known.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/unwind/frame_rules.hpp"
#include "runtime/unwind/stack_memory.hpp"

namespace memtrace::runtime {

class RegisterSet {
 public:
  [[nodiscard]] bool knows(std::size_t number) const {
    return number < kRegisters && (known_ >> number & 1) != 0;
  }
  [[nodiscard]] std::uintptr_t operator[](std::size_t number) const { return values_[number]; }
  void set(std::size_t number, std::uintptr_t value) {
    values_[number] = value;
    known_ |= std::uint32_t{1} << number;
  }

 private:
  std::array<std::uintptr_t, kRegisters> values_{};
  std::uint32_t known_ = 0;
};

// From one frame's registers to its caller's, by any rules.

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
