// Which function each address of a compilation unit is in, and which inlined calls.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <vector>

#include "symbolize/die_reader.hpp"
#include "symbolize/range_lists.hpp"

namespace memtrace {

inline constexpr std::uint32_t kNoScope = UINT32_MAX;

// A function's code: its own, or where it was inlined into another one.
struct Scope {
  DieReader::Position at = nullptr;      // of its DIE
  DieReader::Position origin = nullptr;  // of the function's own DIE, where that is in this unit
  std::uint32_t caller = kNoScope;       // the scope it was inlined into
  std::uint32_t call_file = 0, call_line = 0;
};

// How far to look for functions. Thorough is inside of other functions and of types, too, where
// hardly any compiler puts them.
enum class Search : std::uint8_t { quick, thorough };

// One pass over a unit's DIEs for all its addresses, which passes over functions that none of them
// is in. `addresses` are sorted and must outlive this.
class UnitScopes {
 public:
  UnitScopes(Dwarf_Die unit, RangeLists ranges, std::span<const std::uint64_t> addresses,
             Search search);

  // The innermost scope that holds addresses[i], or kNoScope.
  [[nodiscard]] std::uint32_t innermost(std::size_t i) const { return innermost_[i]; }
  [[nodiscard]] const Scope& operator[](std::uint32_t scope) const { return scopes_[scope]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(scopes_.size()); }
  bool open(DieReader::Position at, Dwarf_Die& opened) const { return reader_.open(at, opened); }
  // Whether some of the DIEs could not be read.
  [[nodiscard]] bool is_damaged() const { return reader_.is_damaged() || ranges_.is_damaged(); }

 private:
  using Position = DieReader::Position;
  enum class Claim : std::uint8_t { nothing, some, no_ranges };

  // Both return the position behind what they looked at.
  Position walk(Position position, std::uint32_t enclosing, int depth);
  Position visit(const DieReader::Die& die, std::uint32_t enclosing, int depth);
  Position visit_scope(const DieReader::Die& die, std::uint32_t caller, int depth);

  // Whether any address is in the DIE's code; makes `scope` (if it is one) their innermost.
  Claim claim(const DieReader::Die& die, std::uint32_t scope);
  bool claim_range(std::uint64_t low, std::uint64_t high, std::uint32_t scope);

  std::span<const std::uint64_t> addresses_;
  RangeLists ranges_;
  DieReader reader_;
  std::vector<std::uint32_t> innermost_;
  std::vector<Scope> scopes_;
  bool thorough_;
  std::uint64_t marks_ = 0;  // left, so that damaged data cannot keep us for ever
};

}  // namespace memtrace
