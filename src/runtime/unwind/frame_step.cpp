#include "runtime/unwind/frame_step.hpp"

#include <algorithm>
#include <iterator>

#include "runtime/os/memory.hpp"
#include "runtime/unwind/dwarf_expression.hpp"
#include "runtime/unwind/loaded_module.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::int32_t kWord = 8;

StepResult result_of(Evaluation evaluation) {
  switch (evaluation) {
    case Evaluation::done:
      return StepResult::stepped;
    case Evaluation::unknown_register:
      return StepResult::unknown_register;
    case Evaluation::failed:
      break;
  }
  return StepResult::cannot_follow;
}

class FrameStep {
 public:
  FrameStep(const LocatedRules& located, const RegisterSet& registers, StackMemory& memory)
      : rules_(located.rules), segment_(located.segment), registers_(registers), memory_(memory) {}

  StepResult find_cfa();
  // Puts register `number` of the caller into `caller`.
  StepResult find_register(std::size_t number, RegisterSet& caller);
  [[nodiscard]] std::uintptr_t cfa() const { return cfa_; }

 private:
  StepResult evaluate(std::int32_t block, const std::uintptr_t* initial, std::uintptr_t& value);
  StepResult find_value(const Rule& rule, std::size_t number, std::uintptr_t& value);

  const FrameRules& rules_;
  std::span<const std::uint8_t> segment_;
  const RegisterSet& registers_;
  StackMemory& memory_;
  std::uintptr_t cfa_ = 0;
};

StepResult FrameStep::evaluate(std::int32_t block, const std::uintptr_t* initial,
                               std::uintptr_t& value) {
  DwarfCursor cursor(segment_, segment_.data() + block);
  const std::span<const std::uint8_t> code = cursor.bytes(cursor.unsigned_leb());
  if (!cursor.ok()) return StepResult::cannot_follow;
  return result_of(evaluate_expression(code, registers_, memory_, initial, value));
}

StepResult FrameStep::find_cfa() {
  if (rules_.cfa_is_expression) return evaluate(rules_.cfa_operand, nullptr, cfa_);
  if (!registers_.knows(rules_.cfa_register)) return StepResult::unknown_register;
  cfa_ = registers_[rules_.cfa_register] +
         static_cast<std::uintptr_t>(std::intptr_t{rules_.cfa_operand});
  return StepResult::stepped;
}

StepResult FrameStep::find_value(const Rule& rule, std::size_t number, std::uintptr_t& value) {
  const std::uintptr_t at_offset = cfa_ + static_cast<std::uintptr_t>(std::intptr_t{rule.operand});
  std::size_t source = number;
  switch (rule.kind) {
    case RuleKind::at_offset:
      return memory_.read(at_offset, value) ? StepResult::stepped : StepResult::cannot_follow;
    case RuleKind::is_offset:
      value = at_offset;
      return StepResult::stepped;
    case RuleKind::is_expression:
      return evaluate(rule.operand, &cfa_, value);
    case RuleKind::at_expression: {
      std::uintptr_t address = 0;
      const StepResult found = evaluate(rule.operand, &cfa_, address);
      if (found != StepResult::stepped) return found;
      return memory_.read(address, value) ? StepResult::stepped : StepResult::cannot_follow;
    }
    case RuleKind::other_register:
      source = static_cast<std::size_t>(rule.operand);
      [[fallthrough]];
    case RuleKind::same_value:
      if (!registers_.knows(source)) return StepResult::unknown_register;
      value = registers_[source];
      return StepResult::stepped;
    case RuleKind::undefined:
      break;
  }
  return StepResult::unknown_register;
}

StepResult FrameStep::find_register(std::size_t number, RegisterSet& caller) {
  std::uintptr_t value = 0;
  const StepResult found = find_value(rules_.registers[number], number, value);
  if (found == StepResult::stepped) caller.set(number, value);
  return found;
}

// Where rt_sigreturn finds the interrupted registers: in the ucontext_t that the stack pointer
// points at when a signal handler has returned, in DWARF's order of the registers.
constexpr std::array<std::int32_t, kRegisters> kUcontextOffsets = {
    144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96, 168};

FrameRules signal_return_rules() {
  FrameRules rules;
  rules.cfa_register = kRsp;
  rules.signal_frame = true;
  for (std::size_t i = 0; i < kRegisters; ++i) {
    rules.registers[i] = Rule{RuleKind::at_offset, kUcontextOffsets[i]};
  }
  return rules;
}

// A function's first instruction, before it has pushed anything.
FrameRules entry_rules() {
  FrameRules rules;
  rules.cfa_register = kRsp;
  rules.cfa_operand = kWord;
  rules.registers[kReturnAddress] = Rule{RuleKind::at_offset, -kWord};
  return rules;
}

FrameRules frame_pointer_rules() {
  FrameRules rules;
  rules.cfa_register = kRbp;
  rules.cfa_operand = 2 * kWord;
  rules.guessed = true;
  rules.registers[kRbp] = Rule{RuleKind::at_offset, -2 * kWord};
  rules.registers[kReturnAddress] = Rule{RuleKind::at_offset, -kWord};
  return rules;
}

// mov $SYS_rt_sigreturn, %rax; syscall: debuggers know it by that, too.
bool is_signal_return(std::uintptr_t pc) {
  constexpr std::array<std::uint8_t, 9> kCode = {0x48, 0xC7, 0xC0, 0x0F, 0, 0, 0, 0x0F, 0x05};
  const auto* code = reinterpret_cast<const std::uint8_t*>(pc);
  return is_readable(code) && is_readable(code + kCode.size() - 1) &&
         std::memcmp(code, kCode.data(), kCode.size()) == 0;
}

// lld describes no PLT. An instruction that a stub or a function begins with, or that jumps away
// for good: the stack is as the call left it.
bool is_entry_or_jump(std::uintptr_t pc) {
  struct Opcode {
    std::uint32_t mask;
    std::uint32_t value;
  };
  constexpr Opcode kOpcodes[] = {
      {0xFFFFFFFF, 0xFA1E0FF3},  // endbr64
      {0x0000FFFF, 0x000025FF},  // jmp *slot(%rip)
      {0x00FFFFFF, 0x0025FFF2},  // bnd jmp *slot(%rip)
      {0x000000FF, 0x00000068},  // push $index
  };
  std::uint32_t code = 0;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(pc);
  if (!is_readable(bytes) || !is_readable(bytes + sizeof code - 1)) return false;
  std::memcpy(&code, bytes, sizeof code);
  return std::any_of(std::begin(kOpcodes), std::end(kOpcodes),
                     [code](const Opcode& known) { return (code & known.mask) == known.value; });
}

// Where a module's tables are, and their entry for `address`, which becomes the module's own where
// it lies in a copy.
bool find_entry(std::uintptr_t& address, CallFrameTables& tables, FrameEntry& entry) {
  LoadedModule module;
  if (!find_module(address, module) || module.eh_frame_header == nullptr) return false;
  tables.segment = call_frame_segment(module);
  tables.header = static_cast<const std::uint8_t*>(module.eh_frame_header);
  address += module.shift;
  return find_frame_entry(tables, address, entry);
}

FrameRules outermost_rules() {
  FrameRules rules;
  rules.registers[kReturnAddress].kind = RuleKind::undefined;
  return rules;
}

bool find_table_rules(std::uintptr_t pc, bool exact, LocatedRules& located) {
  CallFrameTables tables;
  FrameEntry entry;
  std::uintptr_t address = lookup_address(pc, exact);
  if (find_entry(address, tables, entry)) {
    located.segment = tables.segment;
    return evaluate_rules(entry, tables.segment, address, located.rules);
  }
  // "Returning" to the start of a function: nobody called from there. makecontext() lays such a
  // return address below a coroutine's first frame.
  std::uintptr_t begin = pc;
  if (exact || !find_entry(begin, tables, entry) || entry.begin != begin) return false;
  located.rules = outermost_rules();
  return true;
}

}  // namespace

bool find_rules(std::uintptr_t pc, bool exact, LocatedRules& located) {
  const std::uintptr_t address = lookup_address(pc, exact);
  if (find_table_rules(pc, exact, located)) return true;
  const bool readable = is_readable(reinterpret_cast<const void*>(address));
  if (is_signal_return(pc)) {
    located.rules = signal_return_rules();
  } else if (exact && (!readable || is_entry_or_jump(pc))) {
    // Where there is no code at all, a signal came of it, and what brought the program there was
    // nearly always a call through a bad pointer.
    located.rules = entry_rules();
  } else if (readable) {
    located.rules = frame_pointer_rules();
  } else {
    return false;
  }
  return true;
}

StepResult step_frame(const LocatedRules& located, Wanted wanted, RegisterSet& registers,
                      StackMemory& memory) {
  const FrameRules& rules = located.rules;
  const std::size_t return_address = rules.return_address_register;
  if (rules.registers[return_address].kind == RuleKind::undefined) return StepResult::end_of_stack;
  // The deepest frame is marked by a frame pointer of zero (System V ABI, x86-64, 3.4.1): that of
  // the dynamic loader, below a constructor's, has no tables.
  if (rules.guessed && registers.knows(kRbp) && registers[kRbp] == 0) {
    return StepResult::end_of_stack;
  }
  FrameStep step(located, registers, memory);
  if (const StepResult found = step.find_cfa(); found != StepResult::stepped) return found;
  // Nothing vouches for a frame pointer that was only hoped for; a stack grows at least.
  if (rules.guessed && step.cfa() <= registers[kRsp]) return StepResult::cannot_follow;
  RegisterSet caller;
  StepResult found = step.find_register(return_address, caller);
  if (found != StepResult::stepped) return found;
  caller.set(kReturnAddress, caller[return_address]);
  if (rules.registers[kRsp].kind == RuleKind::same_value) {
    caller.set(kRsp, step.cfa());
  } else {
    found = step.find_register(kRsp, caller);
    if (found != StepResult::stepped) return found;
  }
  for (std::size_t number = 0; number < kReturnAddress; ++number) {
    if (number == kRsp || (wanted == Wanted::pc_sp_rbp && number != kRbp)) continue;
    found = step.find_register(number, caller);
    // Among all of them, one that cannot be had is missed only if it is asked for later.
    if (wanted == Wanted::pc_sp_rbp && found != StepResult::stepped) return found;
  }
  registers = caller;
  return StepResult::stepped;
}

}  // namespace memtrace::runtime
