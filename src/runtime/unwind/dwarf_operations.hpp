// The operations of DWARF expressions by their numbers.
#pragma once

#include <cstdint>

namespace memtrace::runtime {

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

}  // namespace memtrace::runtime
