// How one instruction's frame is left: where its caller's registers are.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/unwind/call_frame_tables.hpp"

namespace memtrace::runtime {

// DWARF's numbers of the registers that unwinding needs.
inline constexpr std::uint8_t kRbp = 6;
inline constexpr std::uint8_t kRsp = 7;
inline constexpr std::uint8_t kReturnAddress = 16;
inline constexpr std::uint8_t kRegisters = 17;

enum class RuleKind : std::uint8_t {
  same_value,      // unchanged, or nothing is said
  undefined,       // lost; of the return address: the end of the stack
  at_offset,       // saved at CFA + operand
  is_offset,       // is CFA + operand
  other_register,  // is in the register `operand`
  at_expression,   // saved where the expression says
  is_expression,   // is what the expression says
};

// An expression's operand is where its block (length and code) begins in the tables' segment.
struct Rule {
  RuleKind kind = RuleKind::same_value;
  std::int32_t operand = 0;
};

// A few of these lie on the stack at once, and that may be a coroutine's: they are kept small.
struct FrameRules {
  std::uint8_t cfa_register = 0;
  bool cfa_is_expression = false;
  bool signal_frame = false;  // its caller was interrupted, not calling
  bool guessed = false;       // no tables: frame pointers are hoped for
  std::uint8_t return_address_register = kReturnAddress;
  std::int32_t cfa_operand = 0;  // an offset or an expression
  std::array<Rule, kRegisters> registers{};
};

// The rules at `address` by the entry's instructions; false where they are damaged or say what
// cannot be said on x86-64.
bool evaluate_rules(const FrameEntry& entry, std::span<const std::uint8_t> segment,
                    std::uintptr_t address, FrameRules& rules);

}  // namespace memtrace::runtime
