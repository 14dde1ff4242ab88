// DWARF's numbers and expressions, read from bytes that nobody vouches for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/unwind/frame_step.hpp"
#include "runtime/unwind/stack_memory.hpp"

namespace memtrace::runtime {

// Reads DWARF's numbers from bytes that nobody vouches for.

// How a pointer is written in .eh_frame: a format and what it is relative to.
inline constexpr std::uint8_t kPointerAbsolute = 0x00;
inline constexpr std::uint8_t kPointerOmitted = 0xFF;
inline constexpr std::uint8_t kPointerFormatMask = 0x0F;
inline constexpr std::uint8_t kPointerBaseMask = 0x70;
inline constexpr std::uint8_t kPointerRelativeToItself = 0x10;
inline constexpr std::uint8_t kPointerRelativeToHeader = 0x30;
inline constexpr std::uint8_t kPointerIndirect = 0x80;

// Never reads outside of its bytes. What goes beyond, and what makes no sense, gives zero and puts
// the cursor at its end for good with ok() false: a caller may read on and ask once, after all.
class DwarfCursor {
 public:
  explicit DwarfCursor(std::span<const std::uint8_t> bytes)
      : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  // The bytes from `position` on; a failed cursor where it lies outside of them.
  DwarfCursor(std::span<const std::uint8_t> bytes, const std::uint8_t* position);

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return position_ == end_; }
  [[nodiscard]] const std::uint8_t* position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - position_); }

  template <class Integer>
  Integer fixed() {
    Integer value = 0;
    if (remaining() < sizeof value) {
      fail();
      return 0;
    }
    std::memcpy(&value, position_, sizeof value);
    position_ += sizeof value;
    return value;
  }
  std::uint8_t byte() { return fixed<std::uint8_t>(); }
  std::uint64_t unsigned_leb();
  std::int64_t signed_leb();
  // A pointer that is not there counts as failure, and so does one that would have to be followed.
  std::uintptr_t pointer(std::uint8_t encoding, std::uintptr_t header_address);

  // The next `size` bytes, and goes behind them.
  std::span<const std::uint8_t> bytes(std::uint64_t size);
  void skip(std::uint64_t size) { bytes(size); }
  void fail() {
    ok_ = false;
    position_ = end_;
  }

 private:
  std::uintptr_t pointer_value(std::uint8_t format);

  const std::uint8_t* position_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

// The operations of DWARF expressions by their numbers.
inline constexpr std::uint8_t kAddress = 0x03;
inline constexpr std::uint8_t kDereference = 0x06;
inline constexpr std::uint8_t kConstant1 = 0x08;
inline constexpr std::uint8_t kConstant1Signed = 0x09;
inline constexpr std::uint8_t kConstant2 = 0x0A;
inline constexpr std::uint8_t kConstant2Signed = 0x0B;
inline constexpr std::uint8_t kConstant4 = 0x0C;
inline constexpr std::uint8_t kConstant4Signed = 0x0D;
inline constexpr std::uint8_t kConstant8 = 0x0E;
inline constexpr std::uint8_t kConstant8Signed = 0x0F;
inline constexpr std::uint8_t kConstantLeb = 0x10;
inline constexpr std::uint8_t kConstantLebSigned = 0x11;
inline constexpr std::uint8_t kDuplicate = 0x12;
inline constexpr std::uint8_t kDrop = 0x13;
inline constexpr std::uint8_t kOver = 0x14;
inline constexpr std::uint8_t kPick = 0x15;
inline constexpr std::uint8_t kSwap = 0x16;
inline constexpr std::uint8_t kRotate = 0x17;
inline constexpr std::uint8_t kAbsolute = 0x19;
inline constexpr std::uint8_t kAnd = 0x1A;
inline constexpr std::uint8_t kDivide = 0x1B;
inline constexpr std::uint8_t kMinus = 0x1C;
inline constexpr std::uint8_t kModulo = 0x1D;
inline constexpr std::uint8_t kMultiply = 0x1E;
inline constexpr std::uint8_t kNegate = 0x1F;
inline constexpr std::uint8_t kNot = 0x20;
inline constexpr std::uint8_t kOr = 0x21;
inline constexpr std::uint8_t kPlus = 0x22;
inline constexpr std::uint8_t kPlusConstant = 0x23;
inline constexpr std::uint8_t kShiftLeft = 0x24;
inline constexpr std::uint8_t kShiftRight = 0x25;
inline constexpr std::uint8_t kShiftRightSigned = 0x26;
inline constexpr std::uint8_t kXor = 0x27;
inline constexpr std::uint8_t kBranch = 0x28;
inline constexpr std::uint8_t kEqual = 0x29;
inline constexpr std::uint8_t kGreaterOrEqual = 0x2A;
inline constexpr std::uint8_t kGreater = 0x2B;
inline constexpr std::uint8_t kLessOrEqual = 0x2C;
inline constexpr std::uint8_t kLess = 0x2D;
inline constexpr std::uint8_t kNotEqual = 0x2E;
inline constexpr std::uint8_t kSkip = 0x2F;
inline constexpr std::uint8_t kLiteral0 = 0x30;
inline constexpr std::uint8_t kLiteral31 = 0x4F;
inline constexpr std::uint8_t kRegister0 = 0x50;
inline constexpr std::uint8_t kRegister31 = 0x6F;
inline constexpr std::uint8_t kBaseRegister0 = 0x70;
inline constexpr std::uint8_t kBaseRegister31 = 0x8F;
inline constexpr std::uint8_t kRegisterLeb = 0x90;
inline constexpr std::uint8_t kBaseRegisterLeb = 0x92;
inline constexpr std::uint8_t kDereferenceSize = 0x94;
inline constexpr std::uint8_t kNoOperation = 0x96;

// What DWARF expressions compute of two values.

// false where `operation` is none of them or has no result.
bool combine(std::uint8_t operation, std::uintptr_t left, std::uintptr_t right,
             std::uintptr_t& result);

// DWARF expressions, as far as call frame information uses them.

enum class Evaluation : std::uint8_t {
  done,
  unknown_register,  // it needs one whose value is not known
  failed,            // damaged, endless, or reads what cannot be read
};

// With `initial` on the stack at the start (nullptr: nothing). What it reads is recorded in
// `memory`; its own cost is bounded.
Evaluation evaluate_expression(std::span<const std::uint8_t> code, const RegisterSet& registers,
                               StackMemory& memory, const std::uintptr_t* initial,
                               std::uintptr_t& result);

}  // namespace memtrace::runtime
