#include "runtime/unwind/row_cache.hpp"

#include <array>
#include <atomic>
#include <limits>

#include "runtime/unwind/dwarf_expression.hpp"

namespace memtrace::runtime {
namespace {

constexpr unsigned kBits = 16;

// Two words that are written and read one after the other by anybody: halves of different rows do
// not fit together, because the key is stored mixed with the content.
struct SharedRow {
  std::atomic<std::uint64_t> mixed_key{0};
  std::atomic<std::uint64_t> content{0};
};

alignas(64) constinit std::array<SharedRow, std::size_t{1} << kBits> shared_rows{};

// Addresses of code have 47 bits. The generation fills what is left of both words, so that no
// number of dlopens brings a row back.
std::uint64_t key_of(std::uintptr_t address, std::uint32_t generation) {
  constexpr unsigned kAddressBits = 48;
  return address ^ std::uint64_t{generation >> 16} << kAddressBits;
}

constexpr std::uint64_t kMix = 0xD6E8FEB86659FD93;

SharedRow& place_of(std::uintptr_t address) {
  return shared_rows[scattered(address) >> (64 - kBits)];
}

}  // namespace

bool find_shared_row(std::uintptr_t address, std::uint32_t generation, Row& row) {
  const SharedRow& place = place_of(address);
  const std::uint64_t content = place.content.load(std::memory_order_relaxed);
  const std::uint64_t mixed_key = place.mixed_key.load(std::memory_order_relaxed);
  if (content == 0 || (mixed_key ^ content * kMix) != key_of(address, generation)) return false;
  if (static_cast<std::uint16_t>(content >> 32) != static_cast<std::uint16_t>(generation)) {
    return false;
  }
  row = Row{.address = address,
            .cfa = static_cast<std::uint16_t>(content),
            .rbp = static_cast<std::uint16_t>(content >> 16),
            .kind = static_cast<RowKind>(content >> 48)};
  return true;
}

void put_shared_row(const Row& row, std::uint32_t generation) {
  const std::uint64_t content = std::uint64_t{row.cfa} | std::uint64_t{row.rbp} << 16 |
                                std::uint64_t{static_cast<std::uint16_t>(generation)} << 32 |
                                std::uint64_t{static_cast<std::uint8_t>(row.kind)} << 48;
  SharedRow& place = place_of(row.address);
  place.content.store(content, std::memory_order_relaxed);
  place.mixed_key.store(key_of(row.address, generation) ^ content * kMix,
                        std::memory_order_relaxed);
}

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
