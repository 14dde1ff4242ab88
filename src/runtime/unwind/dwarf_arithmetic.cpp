#include "runtime/unwind/dwarf_arithmetic.hpp"

#include "runtime/unwind/dwarf_operations.hpp"

namespace memtrace::runtime {
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

}  // namespace memtrace::runtime
