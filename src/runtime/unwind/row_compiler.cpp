#include "runtime/unwind/row_compiler.hpp"

#include <limits>

#include "runtime/unwind/dwarf_cursor.hpp"
#include "runtime/unwind/dwarf_operations.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::int32_t kWord = 8;
constexpr std::uint8_t kBaseRbp = kBaseRegister0 + kRbp;

// In whole words as a row holds them; false where it cannot.
template <class Field>
bool words_of(std::int64_t bytes, Field& words) {
  using Limits = std::numeric_limits<Field>;
  if (bytes % kWord != 0 || bytes / kWord < Limits::min() || bytes / kWord > Limits::max()) {
    return false;
  }
  words = static_cast<Field>(bytes / kWord);
  return true;
}

bool returns_ordinarily(const FrameRules& rules) {
  const Rule& return_address = rules.registers[kReturnAddress];
  return !rules.signal_frame && rules.return_address_register == kReturnAddress &&
         return_address.kind == RuleKind::at_offset && return_address.operand == -kWord &&
         rules.registers[kRsp].kind == RuleKind::same_value;
}

bool compile_plain(const FrameRules& rules, Row& row) {
  const Rule& rbp = rules.registers[kRbp];
  if (rules.cfa_is_expression || !words_of(rules.cfa_operand, row.cfa) || row.cfa == 0)
    return false;
  if (rules.cfa_register == kRsp) {
    row.kind = RowKind::from_rsp;
  } else if (rules.cfa_register == kRbp) {
    row.kind = RowKind::from_rbp;
  } else {
    return false;
  }
  if (rbp.kind == RuleKind::same_value) return true;
  return rbp.kind == RuleKind::at_offset && words_of(-std::int64_t{rbp.operand}, row.rbp) &&
         row.rbp != 0;
}

// The block's code when it is rbp + `offset`, followed by nothing or a dereference.
bool is_rbp_based(const LocatedRules& located, std::int32_t block, bool dereferenced,
                  std::int64_t& offset) {
  DwarfCursor cursor(located.segment, located.segment.data() + block);
  DwarfCursor code(cursor.bytes(cursor.unsigned_leb()));
  if (code.byte() != kBaseRbp) return false;
  offset = code.signed_leb();
  if (dereferenced && code.byte() != kDereference) return false;
  return code.ok() && code.at_end();
}

// A function that aligns its stack keeps the old stack pointer in its frame: what g++ writes for
// locals that need more alignment than the ABI's, and for -mstackrealign.
bool compile_realigned(const LocatedRules& located, Row& row) {
  const FrameRules& rules = located.rules;
  const Rule& rbp = rules.registers[kRbp];
  std::int64_t cfa_offset = 0;
  std::int64_t rbp_offset = 0;
  std::int16_t words = 0;
  if (!rules.cfa_is_expression || rbp.kind != RuleKind::at_expression ||
      !is_rbp_based(located, rules.cfa_operand, true, cfa_offset) ||
      !is_rbp_based(located, rbp.operand, false, rbp_offset) || rbp_offset != 0 ||
      !words_of(cfa_offset, words)) {
    return false;
  }
  row.kind = RowKind::realigned;
  row.cfa = static_cast<std::uint16_t>(words);
  return true;
}

}  // namespace

Row compile_row(const LocatedRules& located, std::uintptr_t address) {
  Row row;
  row.address = address;
  if (located.rules.registers[located.rules.return_address_register].kind == RuleKind::undefined) {
    row.kind = RowKind::end_of_stack;
  } else if (!returns_ordinarily(located.rules) ||
             (!compile_plain(located.rules, row) && !compile_realigned(located, row))) {
    row = Row{.address = address, .kind = RowKind::general};
  }
  return row;
}

}  // namespace memtrace::runtime
