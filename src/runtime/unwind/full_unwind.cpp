#include "runtime/unwind/full_unwind.hpp"

#include <iterator>

#include "runtime/unwind/frame_step.hpp"

namespace memtrace::runtime {
namespace {

// Between this function and the hook's caller lie a handful of the runtime's own frames.
constexpr int kMostOwnFrames = 32;

// The registers that a function keeps for its caller, as they are at one instruction of it.
[[gnu::always_inline]] inline RegisterSet capture_registers() {
  std::uintptr_t values[8];
  asm volatile(
      "movq %%rbx, 0(%0)\n\t"
      "movq %%rbp, 8(%0)\n\t"
      "movq %%rsp, 16(%0)\n\t"
      "movq %%r12, 24(%0)\n\t"
      "movq %%r13, 32(%0)\n\t"
      "movq %%r14, 40(%0)\n\t"
      "movq %%r15, 48(%0)\n\t"
      "leaq 0(%%rip), %%rax\n\t"
      "movq %%rax, 56(%0)"
      :
      : "r"(values)
      : "rax", "memory");
  constexpr std::uint8_t kNumbers[] = {3, kRbp, kRsp, 12, 13, 14, 15, kReturnAddress};
  RegisterSet registers;
  for (std::size_t i = 0; i < std::size(kNumbers); ++i) registers.set(kNumbers[i], values[i]);
  return registers;
}

struct Position {
  RegisterSet registers;
  bool exact = true;
};

StepResult step(Position& position, StackMemory& memory) {
  const std::uintptr_t pc = position.registers[kReturnAddress];
  LocatedRules located;
  if (!find_rules(pc, position.exact, located)) return StepResult::cannot_follow;
  position.exact = located.rules.signal_frame;
  return step_frame(located, Wanted::all, position.registers, memory);
}

bool go_to(const Registers& start, Position& position, StackMemory& memory) {
  for (int i = 0; i < kMostOwnFrames && position.registers[kRsp] < start.sp; ++i) {
    if (step(position, memory) != StepResult::stepped) return false;
  }
  return position.registers[kRsp] == start.sp && position.registers[kReturnAddress] == start.pc;
}

}  // namespace

[[gnu::noinline]] UnwindResult unwind_with_all_registers(const Registers& start,
                                                         const StackBounds& bounds,
                                                         std::span<UnwoundFrame> frames) {
  UnwindResult result;
  result.truncated = true;
  StackMemory memory(bounds, {});
  Position position{capture_registers()};
  if (!go_to(start, position, memory)) return result;
  for (;;) {
    const std::uintptr_t pc = position.registers[kReturnAddress];
    if (pc == 0 && !position.exact) break;
    if (result.frames == frames.size()) return result;
    frames[result.frames++] = UnwoundFrame{pc, position.exact};
    const StepResult stepped = step(position, memory);
    if (stepped == StepResult::end_of_stack) break;
    if (stepped != StepResult::stepped) return result;
  }
  result.truncated = false;
  return result;
}

}  // namespace memtrace::runtime
