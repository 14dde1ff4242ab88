// Call frame information that is damaged, or made for the purpose.
#include <doctest/doctest.h>
#include <gnu/libc-version.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "runtime/unwind/dwarf_expression.hpp"
#include "runtime/unwind/frame_step.hpp"
#include "runtime/unwind/loaded_module.hpp"
#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {
namespace {

using Code = std::vector<std::uint8_t>;

// --- the cursor ---

TEST_CASE("LEB128 there and at the limits") {
  const Code bytes = {0x7F, 0x80, 0x01, 0x7F, 0x80, 0x7F, 0x3F, 0x40};
  DwarfCursor cursor(bytes);
  CHECK(cursor.unsigned_leb() == 127);
  CHECK(cursor.unsigned_leb() == 128);
  CHECK(cursor.signed_leb() == -1);
  CHECK(cursor.signed_leb() == -128);
  CHECK(cursor.signed_leb() == 63);
  CHECK(cursor.signed_leb() == -64);
  CHECK(cursor.ok());
  CHECK(cursor.at_end());
  const Code endless(20, 0x80);
  DwarfCursor lost(endless);
  CHECK(lost.unsigned_leb() == 0);
  CHECK(!lost.ok());
}

TEST_CASE("the cursor stays in its bytes, and failure stays") {
  const Code bytes = {1, 2, 3};
  DwarfCursor cursor(bytes);
  CHECK(cursor.fixed<std::uint16_t>() == 0x0201);
  CHECK(cursor.fixed<std::uint16_t>() == 0);
  CHECK(!cursor.ok());
  CHECK(cursor.byte() == 0);
  CHECK(cursor.at_end());
  CHECK(DwarfCursor(bytes).bytes(~std::uint64_t{0}).empty());
  CHECK(!DwarfCursor(bytes, bytes.data() + 4).ok());
  CHECK(!DwarfCursor(bytes, nullptr).ok());
  CHECK(DwarfCursor(bytes, bytes.data() + 3).ok());
}

TEST_CASE("pointers by their encodings") {
  const Code bytes = {0xFC, 0xFF, 0xFF, 0xFF, 0x10, 0, 0, 0, 0, 0, 0, 0};
  const auto here = reinterpret_cast<std::uintptr_t>(bytes.data());
  CHECK(DwarfCursor(bytes).pointer(0x1B, 0) == here - 4);
  CHECK(DwarfCursor(bytes).pointer(0x3B, 1000) == 996);
  CHECK(DwarfCursor(bytes).pointer(0x03, 0) == 0xFFFFFFFC);
  CHECK(DwarfCursor(bytes, bytes.data() + 4).pointer(0x00, 0) == 16);
  for (const int encoding : {0xFF, 0x9B, 0x50, 0x05, 0x0D}) {
    DwarfCursor cursor(bytes);
    cursor.pointer(static_cast<std::uint8_t>(encoding), 0);
    CHECK(!cursor.ok());
  }
}

// --- rules ---

constexpr std::uintptr_t kBegin = 0x10000;

FrameEntry entry_of(const Code& code) {
  FrameEntry entry;
  entry.begin = kBegin;
  entry.end = kBegin + 0x100000;
  entry.instructions = code;
  entry.code_alignment = 1;
  entry.data_alignment = -8;
  entry.return_address_register = kReturnAddress;
  return entry;
}

// CFA = rsp + 8, return address at CFA - 8: what every CIE begins with.
const Code kInitial = {0x0C, 7, 8, 0x90, 1};

bool rules_at(const Code& code, std::uintptr_t offset, FrameRules& rules) {
  FrameEntry entry = entry_of(code);
  entry.initial_instructions = kInitial;
  return evaluate_rules(entry, code, kBegin + offset, rules);
}

TEST_CASE("rules hold from their location on") {
  // push %rbp; mov %rsp,%rbp; ...; leave; ret; and the cold part behind
  const Code code = {0x41, 0x0E, 16,   0x86, 2,    0x43, 0x0D, 6,    0x02, 100,  0x0A, 0x0C, 7,
                     8,    0xC6, 0x03, 0x00, 0x01, 0x0B, 0x04, 0x00, 0x00, 0x01, 0x00, 0x07, 16};
  const auto row = [&](std::uintptr_t offset) {
    LocatedRules located;
    REQUIRE(rules_at(code, offset, located.rules));
    return compile_row(located, kBegin + offset);
  };
  CHECK(row(0).kind == RowKind::from_rsp);
  CHECK(row(0).cfa == 1);
  CHECK(row(0).rbp == 0);
  CHECK(row(1).cfa == 2);
  CHECK(row(1).rbp == 2);
  CHECK(row(3).kind == RowKind::from_rsp);
  CHECK(row(4).kind == RowKind::from_rbp);
  CHECK(row(4).rbp == 2);
  CHECK(row(104).kind == RowKind::from_rsp);
  CHECK(row(104).rbp == 0);
  CHECK(row(104 + 255).cfa == 1);
  CHECK(row(104 + 256).kind == RowKind::from_rbp);
  CHECK(row(104 + 256 + 0x10000).kind == RowKind::end_of_stack);
}

TEST_CASE("what does not fit a row is left to the rules") {
  const auto kind = [](const Code& code) {
    LocatedRules located;
    located.segment = code;
    REQUIRE(rules_at(code, 0, located.rules));
    return compile_row(located, kBegin).kind;
  };
  CHECK(kind({0x0E, 24}) == RowKind::from_rsp);
  CHECK(kind({0x0E, 20}) == RowKind::general);                      // not in words
  CHECK(kind({0x0E, 0x80, 0x80, 0x80, 0x01}) == RowKind::general);  // 2 MiB
  CHECK(kind({0x0D, 3}) == RowKind::general);                       // rbx
  CHECK(kind({0x90, 2}) == RowKind::general);                       // return address at CFA - 16
  CHECK(kind({0x10, 6, 2, 0x76, 0}) == RowKind::general);           // rbp by an expression alone
  CHECK(kind({0x0F, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0}) == RowKind::realigned);
  CHECK(kind({0x0F, 3, 0x76, 0x78, 0x06}) == RowKind::general);  // rbp not saved
  CHECK(kind({0x0F, 3, 0x73, 0x78, 0x06, 0x10, 6, 2, 0x76, 0}) == RowKind::general);
}

TEST_CASE("instructions that make no sense are refused") {
  FrameRules rules;
  CHECK(!rules_at({0x0B}, 0, rules));           // restores what was not remembered
  CHECK(!rules_at(Code(100, 0x0A), 0, rules));  // remembers for ever
  CHECK(!rules_at({0x3F}, 0, rules));           // unknown
  CHECK(!rules_at({0x0C, 17, 8}, 0, rules));    // a CFA from a vector register
  CHECK(!rules_at({0x0E}, 0, rules));           // ends in the middle
  CHECK(!rules_at({0x0F, 9, 0x76}, 0, rules));  // so does this expression
  CHECK(!rules_at({0x13, 0x80, 0x80, 0x80, 0x80, 0x40}, 0, rules));
  CHECK(rules_at({0x85, 1, 0x9F, 1, 0x2E, 16}, 0, rules));  // others' registers, argument sizes
}

// --- expressions ---

Evaluation evaluate(const Code& code, std::uintptr_t& result, StackMemory& memory) {
  RegisterSet registers;
  registers.set(kRsp, 1000);
  const std::uintptr_t cfa = 500;
  return evaluate_expression(code, registers, memory, &cfa, result);
}

TEST_CASE("expressions compute") {
  const auto value = [](const Code& code) {
    StackMemory memory({}, {});
    std::uintptr_t result = 0;
    CHECK(evaluate(code, result, memory) == Evaluation::done);
    return static_cast<std::intptr_t>(result);
  };
  CHECK(value({}) == 500);
  CHECK(value({0x77, 8}) == 1008);
  CHECK(value({0x92, 7, 0x78}) == 992);
  CHECK(value({0x23, 4}) == 504);
  CHECK(value({0x39, 0x31, 0x1C}) == 8);
  CHECK(value({0x09, 0xF8, 0x32, 0x1B}) == -4);
  CHECK(value({0x37, 0x35, 0x1D}) == 2);
  CHECK(value({0x09, 0xF8, 0x31, 0x26}) == -4);
  CHECK(value({0x31, 0x32, 0x16}) == 1);
  CHECK(value({0x31, 0x32, 0x33, 0x17, 0x1C}) == -1);
  CHECK(value({0x31, 0x32, 0x15, 1}) == 1);
  CHECK(value({0x31, 0x28, 1, 0, 0x35, 0x36}) == 6);
  CHECK(value({0x09, 0xFF, 0x31, 0x2D}) == 1);
  // What a PLT's does: rsp + 8 + ((rip & 15) >= 11) * 8, here of the CFA for want of rip.
  CHECK(value({0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x77, 8, 0x22}) == 1008);
}

TEST_CASE("expressions fail") {
  const auto outcome = [](const Code& code) {
    StackMemory memory({}, {});
    std::uintptr_t result = 0;
    return evaluate(code, result, memory);
  };
  CHECK(outcome({0x76, 0}) == Evaluation::unknown_register);
  CHECK(outcome({0x13, 0x13}) == Evaluation::failed);
  CHECK(outcome({0x13}) == Evaluation::failed);
  CHECK(outcome({0x30, 0x1B}) == Evaluation::failed);
  CHECK(outcome({0x06}) == Evaluation::failed);              // nothing can be read at 500
  CHECK(outcome({0x2F, 0xFD, 0xFF}) == Evaluation::failed);  // for ever
  CHECK(outcome({0x2F, 0xFC, 0xFF}) == Evaluation::failed);  // before the start
  CHECK(outcome({0x2F, 1, 0}) == Evaluation::failed);        // behind the end
  CHECK(outcome(Code(100, 0x30)) == Evaluation::failed);
  CHECK(outcome({0xE0}) == Evaluation::failed);
}

// --- a real library's tables, damaged ---

// The C library's, copied to the end of a block, so that a sanitizer sees a step too far.
struct CopiedTables {
  CopiedTables() {
    // A function that no sanitizer puts its own in front of.
    REQUIRE(find_module(reinterpret_cast<std::uintptr_t>(&gnu_get_libc_version), module));
    original = call_frame_segment(module);
    REQUIRE(!original.empty());
    copy = std::make_unique<std::uint8_t[]>(original.size());
    restore();
    const auto header = static_cast<const std::uint8_t*>(module.eh_frame_header);
    tables.segment = {copy.get(), original.size()};
    tables.header = copy.get() + (header - original.data());
    moved = reinterpret_cast<std::uintptr_t>(copy.get()) -
            reinterpret_cast<std::uintptr_t>(original.data());
  }
  void restore() const { std::memcpy(copy.get(), original.data(), original.size()); }

  LoadedModule module;
  std::span<const std::uint8_t> original;
  std::unique_ptr<std::uint8_t[]> copy;
  CallFrameTables tables;
  std::uintptr_t moved = 0;  // pcs move with the copy
};

bool look_up(const CallFrameTables& tables, std::uintptr_t pc, Row& row) {
  FrameEntry entry;
  LocatedRules located;
  located.segment = tables.segment;
  if (!find_frame_entry(tables, pc, entry)) return false;
  if (!evaluate_rules(entry, tables.segment, pc, located.rules)) return false;
  row = compile_row(located, pc);
  // Step over a stack of nonsense, too: nothing outside of it may be touched.
  std::array<std::uintptr_t, 64> stack{};
  const auto low = reinterpret_cast<std::uintptr_t>(stack.data());
  for (std::uintptr_t& word : stack) word = low + 64;
  RegisterSet registers;
  registers.set(kRsp, low + 128);
  registers.set(kRbp, low + 256);
  registers.set(kReturnAddress, pc);
  StackMemory memory({low, low + sizeof stack}, {});
  step_frame(located, Wanted::all, registers, memory);
  return true;
}

TEST_CASE("a copy of the tables says what the tables say") {
  const CopiedTables copied;
  const CallFrameTables real{copied.original,
                             static_cast<const std::uint8_t*>(copied.module.eh_frame_header)};
  std::mt19937 random(1);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uintptr_t pc =
        copied.module.begin + random() % (copied.module.end - copied.module.begin);
    Row here;
    Row there;
    const bool known = look_up(real, pc, here);
    REQUIRE(look_up(copied.tables, pc + copied.moved, there) == known);
    if (!known) continue;
    ++found;
    CHECK(here.kind == there.kind);
    CHECK(here.cfa == there.cfa);
    CHECK(here.rbp == there.rbp);
  }
  CHECK(found > 1000);
}

TEST_CASE("damaged tables are refused or give nonsense, and that is all") {
  const CopiedTables copied;
  const std::uint8_t* const header = copied.tables.header;
  const auto first = static_cast<std::size_t>(header - copied.copy.get());
  const std::size_t size = std::min<std::size_t>(copied.original.size() - first, 250'000);
  std::mt19937 random(2);
  std::vector<std::uintptr_t> pcs;
  for (int i = 0; i < 200; ++i) {
    pcs.push_back(copied.moved + copied.module.begin +
                  random() % (copied.module.end - copied.module.begin));
  }
  for (int round = 0; round < 150; ++round) {
    copied.restore();
    // From a few bytes to most of it; every third time the header as well.
    const std::size_t changes = std::size_t{1} << random() % 18;
    for (std::size_t i = 0; i < changes; ++i) {
      copied.copy[first + random() % size] = static_cast<std::uint8_t>(random());
    }
    if (round % 3 == 0) copied.copy[first + random() % 20] = static_cast<std::uint8_t>(random());
    for (const std::uintptr_t pc : pcs) {
      Row row;
      look_up(copied.tables, pc, row);
    }
  }
}

}  // namespace
}  // namespace memtrace::runtime
