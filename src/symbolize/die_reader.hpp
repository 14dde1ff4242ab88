// Reading forward through the DIEs of one compilation unit.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
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
  std::nullopt_t give_up(Position& position);
  [[nodiscard]] Position referred(const Abbreviation::Step& step, Position at) const;
  [[nodiscard]] std::uint32_t small_number(const Abbreviation::Step& step, Position at) const;
  void note_low(const Abbreviation::Step& step, Position at, Die& die) const;
  void note_high(const Abbreviation::Step& step, Position at, Die& die) const;
  void note_ranges(const Abbreviation::Step& step, Position at, Die& die) const;
  void note(const Abbreviation::Step& step, Position at, Die& die) const;

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

}  // namespace memtrace
