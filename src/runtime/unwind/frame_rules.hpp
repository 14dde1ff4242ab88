// Call frame information: which entry describes a pc, and how that instruction's frame is left.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace memtrace::runtime {

// A module's .eh_frame: which entry describes a pc.

// All reading stays inside `segment`. Pointers relative to themselves mean what they mean where
// the bytes lie: of a copy they give addresses beside the copy.
struct CallFrameTables {
  std::span<const std::uint8_t> segment;
  const std::uint8_t* header = nullptr;  // .eh_frame_hdr, in the segment
};

// How the stack is unwound in one function: an FDE with what its CIE says.
struct FrameEntry {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;  // exclusive
  std::span<const std::uint8_t> initial_instructions;
  std::span<const std::uint8_t> instructions;
  std::uint64_t code_alignment = 0;
  std::int64_t data_alignment = 0;
  std::uint64_t return_address_register = 0;
  std::uint8_t pointer_encoding = 0;
  bool augmented = false;  // its FDEs carry augmentation data
  bool signal_frame = false;
};

// The entry whose function holds `address`; false where there is none or the tables are damaged.
// Costs a binary search, or, where the linker wrote no table to search, a pass over .eh_frame.
bool find_frame_entry(const CallFrameTables& tables, std::uintptr_t address, FrameEntry& entry);

// How one instruction's frame is left: where its caller's registers are.

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
