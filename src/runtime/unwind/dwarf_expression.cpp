#include "runtime/unwind/dwarf_expression.hpp"

#include "runtime/unwind/dwarf_arithmetic.hpp"
#include "runtime/unwind/dwarf_cursor.hpp"
#include "runtime/unwind/dwarf_operations.hpp"

namespace memtrace::runtime {
namespace {

class ExpressionMachine {
 public:
  ExpressionMachine(std::span<const std::uint8_t> code, const RegisterSet& registers,
                    StackMemory& memory)
      : code_(code), cursor_(code), registers_(registers), memory_(memory) {}

  void push(std::uintptr_t value);
  Evaluation run(std::uintptr_t& result);

 private:
  void run_one(std::uint8_t operation);
  bool run_constant(std::uint8_t operation);
  bool run_register(std::uint8_t operation);
  bool run_stack(std::uint8_t operation);
  bool run_unary(std::uint8_t operation);
  bool run_binary(std::uint8_t operation);
  bool run_control(std::uint8_t operation);

  std::uintptr_t pop();
  std::uintptr_t peek(std::size_t depth);
  void push_register(std::uint64_t number, std::int64_t offset);
  std::uintptr_t dereference(std::uintptr_t address, std::size_t size);
  void jump(std::int16_t distance);
  void fail(Evaluation why = Evaluation::failed) {
    if (state_ == Evaluation::done) state_ = why;
  }

  static constexpr std::size_t kRoom = 32;       // values; compilers use three
  static constexpr std::size_t kLongest = 1000;  // operations: there are backward jumps

  std::span<const std::uint8_t> code_;
  DwarfCursor cursor_;
  const RegisterSet& registers_;
  StackMemory& memory_;
  std::array<std::uintptr_t, kRoom> stack_{};
  std::size_t depth_ = 0;
  Evaluation state_ = Evaluation::done;
};

Evaluation ExpressionMachine::run(std::uintptr_t& result) {
  for (std::size_t steps = 0; !cursor_.at_end(); ++steps) {
    if (steps == kLongest) return Evaluation::failed;
    run_one(cursor_.byte());
    if (!cursor_.ok()) fail();
    if (state_ != Evaluation::done) return state_;
  }
  result = pop();
  return state_;
}

void ExpressionMachine::run_one(std::uint8_t operation) {
  if (operation >= kLiteral0 && operation <= kLiteral31) return push(operation - kLiteral0);
  if (run_register(operation) || run_constant(operation) || run_stack(operation)) return;
  if (run_unary(operation) || run_binary(operation) || run_control(operation)) return;
  fail();
}

bool ExpressionMachine::run_constant(std::uint8_t operation) {
  const auto push_signed = [this](std::int64_t value) { push(static_cast<std::uintptr_t>(value)); };
  switch (operation) {
    case kAddress:
    case kConstant8:
    case kConstant8Signed:
      push(cursor_.fixed<std::uint64_t>());
      return true;
    case kConstant1:
      push(cursor_.fixed<std::uint8_t>());
      return true;
    case kConstant1Signed:
      push_signed(cursor_.fixed<std::int8_t>());
      return true;
    case kConstant2:
      push(cursor_.fixed<std::uint16_t>());
      return true;
    case kConstant2Signed:
      push_signed(cursor_.fixed<std::int16_t>());
      return true;
    case kConstant4:
      push(cursor_.fixed<std::uint32_t>());
      return true;
    case kConstant4Signed:
      push_signed(cursor_.fixed<std::int32_t>());
      return true;
    case kConstantLeb:
      push(cursor_.unsigned_leb());
      return true;
    case kConstantLebSigned:
      push_signed(cursor_.signed_leb());
      return true;
    default:
      return false;
  }
}

bool ExpressionMachine::run_register(std::uint8_t operation) {
  if (operation >= kRegister0 && operation <= kRegister31) {
    push_register(operation - std::uint64_t{kRegister0}, 0);
  } else if (operation >= kBaseRegister0 && operation <= kBaseRegister31) {
    push_register(operation - std::uint64_t{kBaseRegister0}, cursor_.signed_leb());
  } else if (operation == kRegisterLeb) {
    push_register(cursor_.unsigned_leb(), 0);
  } else if (operation == kBaseRegisterLeb) {
    const std::uint64_t number = cursor_.unsigned_leb();
    push_register(number, cursor_.signed_leb());
  } else {
    return false;
  }
  return true;
}

bool ExpressionMachine::run_stack(std::uint8_t operation) {
  switch (operation) {
    case kDuplicate:
      push(peek(0));
      return true;
    case kDrop:
      pop();
      return true;
    case kOver:
      push(peek(1));
      return true;
    case kPick:
      push(peek(cursor_.byte()));
      return true;
    case kSwap: {
      const std::uintptr_t top = pop();
      const std::uintptr_t second = pop();
      push(top);
      push(second);
      return true;
    }
    case kRotate: {
      const std::uintptr_t top = pop();
      const std::uintptr_t second = pop();
      const std::uintptr_t third = pop();
      push(top);
      push(third);
      push(second);
      return true;
    }
    default:
      return false;
  }
}

bool ExpressionMachine::run_unary(std::uint8_t operation) {
  switch (operation) {
    case kDereference:
      push(dereference(pop(), sizeof(std::uintptr_t)));
      return true;
    case kDereferenceSize: {
      const std::size_t size = cursor_.byte();
      push(dereference(pop(), size));
      return true;
    }
    case kAbsolute: {
      const std::uintptr_t value = pop();
      push(static_cast<std::intptr_t>(value) < 0 ? 0 - value : value);
      return true;
    }
    case kNegate:
      push(0 - pop());
      return true;
    case kNot:
      push(~pop());
      return true;
    case kPlusConstant:
      push(pop() + cursor_.unsigned_leb());
      return true;
    default:
      return false;
  }
}

bool ExpressionMachine::run_binary(std::uint8_t operation) {
  const bool arithmetic = (operation >= kAnd && operation <= kXor) && operation != kNegate &&
                          operation != kNot && operation != kPlusConstant;
  const bool comparison = operation >= kEqual && operation <= kNotEqual;
  if (!arithmetic && !comparison) return false;
  const std::uintptr_t right = pop();
  const std::uintptr_t left = pop();
  std::uintptr_t result = 0;
  if (!combine(operation, left, right, result)) fail();
  push(result);
  return true;
}

bool ExpressionMachine::run_control(std::uint8_t operation) {
  switch (operation) {
    case kNoOperation:
      return true;
    case kSkip:
      jump(cursor_.fixed<std::int16_t>());
      return true;
    case kBranch: {
      const auto distance = cursor_.fixed<std::int16_t>();
      if (pop() != 0) jump(distance);
      return true;
    }
    default:
      return false;
  }
}

void ExpressionMachine::push(std::uintptr_t value) {
  if (depth_ == kRoom) return fail();
  stack_[depth_++] = value;
}

std::uintptr_t ExpressionMachine::pop() {
  if (depth_ == 0) return fail(), 0;
  return stack_[--depth_];
}

std::uintptr_t ExpressionMachine::peek(std::size_t depth) {
  if (depth >= depth_) return fail(), 0;
  return stack_[depth_ - 1 - depth];
}

void ExpressionMachine::push_register(std::uint64_t number, std::int64_t offset) {
  if (!registers_.knows(number)) return fail(Evaluation::unknown_register);
  push(registers_[number] + static_cast<std::uintptr_t>(offset));
}

std::uintptr_t ExpressionMachine::dereference(std::uintptr_t address, std::size_t size) {
  constexpr std::size_t kWord = sizeof(std::uintptr_t);
  const std::size_t skipped = address % kWord;
  std::uintptr_t word = 0;
  // A value that lies across two words is none that code saves.
  if (size == 0 || skipped + size > kWord || !memory_.read(address - skipped, word)) {
    return fail(), 0;
  }
  word >>= skipped * 8;
  return size == kWord ? word : word & ((std::uintptr_t{1} << size * 8) - 1);
}

void ExpressionMachine::jump(std::int16_t distance) {
  if (!cursor_.ok()) return;
  // Forward of the end wraps to a huge offset as backward of the start does.
  const auto target = static_cast<std::size_t>(cursor_.position() - code_.data()) +
                      static_cast<std::size_t>(std::ptrdiff_t{distance});
  if (target > code_.size()) return fail();
  cursor_ = DwarfCursor(code_.subspan(target));
}

}  // namespace

Evaluation evaluate_expression(std::span<const std::uint8_t> code, const RegisterSet& registers,
                               StackMemory& memory, const std::uintptr_t* initial,
                               std::uintptr_t& result) {
  ExpressionMachine machine(code, registers, memory);
  if (initial != nullptr) machine.push(*initial);
  return machine.run(result);
}

}  // namespace memtrace::runtime
