#include "runtime/unwind/dwarf_expression.hpp"

namespace memtrace::runtime {
namespace {

constexpr unsigned kBitsPerByte = 7;
constexpr unsigned kLebBits = 64;
constexpr std::uint8_t kMoreFollows = 0x80;
constexpr std::uint8_t kPayload = 0x7F;
constexpr std::uint8_t kSign = 0x40;

}  // namespace

DwarfCursor::DwarfCursor(std::span<const std::uint8_t> bytes, const std::uint8_t* position)
    : position_(position), end_(bytes.data() + bytes.size()) {
  // As numbers: comparing pointers into different objects means nothing.
  const auto at = reinterpret_cast<std::uintptr_t>(position);
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (at < begin || at - begin > bytes.size()) fail();
}

std::uint64_t DwarfCursor::unsigned_leb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < kLebBits; shift += kBitsPerByte) {
    const std::uint8_t next = byte();
    value |= std::uint64_t{static_cast<std::uint8_t>(next & kPayload)} << shift;
    if ((next & kMoreFollows) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t DwarfCursor::signed_leb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < kLebBits;) {
    const std::uint8_t next = byte();
    value |= std::uint64_t{static_cast<std::uint8_t>(next & kPayload)} << shift;
    shift += kBitsPerByte;
    if ((next & kMoreFollows) != 0) continue;
    if ((next & kSign) != 0 && shift < kLebBits) value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }
  fail();
  return 0;
}

std::uintptr_t DwarfCursor::pointer_value(std::uint8_t format) {
  switch (format) {
    case 0x00:
    case 0x04:
    case 0x0C:
      return fixed<std::uint64_t>();
    case 0x01:
      return unsigned_leb();
    case 0x02:
      return fixed<std::uint16_t>();
    case 0x03:
      return fixed<std::uint32_t>();
    case 0x09:
      return static_cast<std::uint64_t>(signed_leb());
    case 0x0A:
      return static_cast<std::uint64_t>(std::int64_t{fixed<std::int16_t>()});
    case 0x0B:
      return static_cast<std::uint64_t>(std::int64_t{fixed<std::int32_t>()});
    default:
      fail();
      return 0;
  }
}

std::uintptr_t DwarfCursor::pointer(std::uint8_t encoding, std::uintptr_t header_address) {
  const auto here = reinterpret_cast<std::uintptr_t>(position_);
  if (encoding == kPointerOmitted || (encoding & kPointerIndirect) != 0) {
    fail();
    return 0;
  }
  const std::uintptr_t value =
      pointer_value(static_cast<std::uint8_t>(encoding & kPointerFormatMask));
  switch (encoding & kPointerBaseMask) {
    case kPointerAbsolute:
      return value;
    case kPointerRelativeToItself:
      return here + value;
    case kPointerRelativeToHeader:
      return header_address + value;
    default:
      fail();
      return 0;
  }
}

std::span<const std::uint8_t> DwarfCursor::bytes(std::uint64_t size) {
  if (size > remaining()) {
    fail();
    return {};
  }
  const std::span<const std::uint8_t> taken(position_, size);
  position_ += size;
  return taken;
}

namespace {

constexpr std::uintptr_t kBits = 64;

bool compute(std::uint8_t operation, std::uintptr_t left, std::uintptr_t right,
             std::uintptr_t& result) {
  switch (operation) {
    case kAnd:
      result = left & right;
      return true;
    case kOr:
      result = left | right;
      return true;
    case kXor:
      result = left ^ right;
      return true;
    case kPlus:
      result = left + right;
      return true;
    case kMinus:
      result = left - right;
      return true;
    case kMultiply:
      result = left * right;
      return true;
    case kModulo:
      if (right == 0) return false;
      result = left % right;
      return true;
    case kShiftLeft:
      result = right < kBits ? left << right : 0;
      return true;
    case kShiftRight:
      result = right < kBits ? left >> right : 0;
      return true;
    default:
      return false;
  }
}

bool compute_signed(std::uint8_t operation, std::intptr_t left, std::intptr_t right,
                    std::uintptr_t& result) {
  if (operation == kDivide) {
    if (right == 0) return false;
    // The one quotient that has no room would trap.
    const auto negated = 0 - static_cast<std::uintptr_t>(left);
    result = right == -1 ? negated : static_cast<std::uintptr_t>(left / right);
    return true;
  }
  if (operation == kShiftRightSigned) {
    constexpr std::intptr_t kMost = kBits - 1;
    result = static_cast<std::uintptr_t>(left >> (right < 0 || right > kMost ? kMost : right));
    return true;
  }
  return false;
}

bool compare(std::uint8_t operation, std::intptr_t left, std::intptr_t right, bool& result) {
  switch (operation) {
    case kEqual:
      result = left == right;
      return true;
    case kNotEqual:
      result = left != right;
      return true;
    case kGreaterOrEqual:
      result = left >= right;
      return true;
    case kGreater:
      result = left > right;
      return true;
    case kLessOrEqual:
      result = left <= right;
      return true;
    case kLess:
      result = left < right;
      return true;
    default:
      return false;
  }
}

}  // namespace

bool combine(std::uint8_t operation, std::uintptr_t left, std::uintptr_t right,
             std::uintptr_t& result) {
  const auto signed_left = static_cast<std::intptr_t>(left);
  const auto signed_right = static_cast<std::intptr_t>(right);
  bool truth = false;
  if (compare(operation, signed_left, signed_right, truth)) {
    result = truth ? 1 : 0;
    return true;
  }
  return compute(operation, left, right, result) ||
         compute_signed(operation, signed_left, signed_right, result);
}

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
