// Which function each address of a compilation unit is in, and which inlined calls.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "symbolize/dwarf_forms.hpp"
#include "symbolize/range_lists.hpp"

namespace memtrace {

// libdw finds the next DIE, and each attribute of one, by going through the abbreviations each
// time, under a lock. That is most of the time of looking addresses up, so this goes over the bytes
// itself: five to ten times faster. Names are left to libdw.
//
// Positions only ever grow, and none leaves the unit: damaged data ends the reading early.
class DieReader {
 public:
  // `addresses` is what it calls by number.
  explicit DieReader(Dwarf_Die unit, AddressTable addresses = {});

  using Position = const std::uint8_t*;

  // What an abbreviation says: how to get over a DIE's attributes.
  struct Abbreviation {
    struct Step {
      std::uint16_t name;  // of the attributes that are asked for, else 0
      std::uint16_t form;
      std::uint32_t size;          // bytes; kVaries where the form says more
      std::uint32_t constant = 0;  // the value of an implicit constant
    };
    int tag = 0;
    bool has_children = false;
    std::vector<Step> steps;
  };

  struct Die {
    Position at = nullptr;
    Position behind = nullptr;   // its children, or the next DIE
    Position sibling = nullptr;  // where the DIE behind its children is said to be, or nullptr
    const Abbreviation* abbreviation = nullptr;
    // Its code: one piece, or the place of a list of them.
    std::uint64_t low = 0, high = 0;
    bool has_low = false, has_high = false, is_high_address = false;
    RangeListPlace ranges;
    // Of an inlined call: where it stands, and the function's own DIE.
    std::uint32_t call_file = 0, call_line = 0;
    Position origin = nullptr;  // in this unit
  };

  // Where the unit's children begin; nullptr where it has none.
  [[nodiscard]] Position first_child();
  // nullopt at the end of a list of children (and at the end of what can be read). Then `position`
  // is behind that end, otherwise behind the DIE's attributes.
  std::optional<Die> read(Position& position);
  // The position behind the DIE's children, if it has some.
  [[nodiscard]] Position behind_children(const Die& die);
  [[nodiscard]] bool at_end(Position position) const { return position == end_; }
  // Whether something was met that cannot be.
  [[nodiscard]] bool is_damaged() const { return is_damaged_; }
  // The DIE at a position for libdw: false where it is damaged.
  bool open(Position at, Dwarf_Die& opened) const;

 private:
  void read_abbreviations();
  // Throws Error where the DIE is damaged. nullopt at the end of a list.
  std::optional<Die> read_die(ByteCursor& cursor) const;
  // Each looks at one value.
  [[nodiscard]] Position referred(const Abbreviation::Step& step, ByteCursor value) const;
  [[nodiscard]] static std::uint32_t small_number(const Abbreviation::Step& step, ByteCursor value);
  void note_low(const Abbreviation::Step& step, ByteCursor value, Die& die) const;
  static void note_high(const Abbreviation::Step& step, ByteCursor value, Die& die);
  static void note_ranges(const Abbreviation::Step& step, ByteCursor value, Die& die);
  void note(const Abbreviation::Step& step, const ByteCursor& value, Die& die) const;

  Dwarf_Die unit_;
  AddressTable addresses_;
  Position begin_ = nullptr;  // the unit's DIE
  Position end_ = nullptr;    // of the unit
  Dwarf_Off die_offset_ = 0;  // of the unit's DIE in its section
  Dwarf_Off unit_offset_ = 0;
  FormSizes sizes_;
  std::vector<Abbreviation> abbreviations_;  // by code
  bool is_damaged_ = false;
};

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
