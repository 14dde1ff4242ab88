// Split DWARF: a unit's DIEs in another file than its lines and addresses.
#pragma once

#include <elfutils/libdw.h>

#include <string>

#include "symbolize/bytes.hpp"
#include "symbolize/debug_info.hpp"
#include "symbolize/line_header.hpp"

namespace memtrace {

// What there is of a unit below its own DIE.
struct SplitHalf {
  Dwarf_Die die{};        // has all the others below it; the unit itself where it is not split
  bool is_there = false;  // in another file
  bool is_damaged = false;
  std::string missing;  // the name of the other file, where that cannot be found
  // Where it is there:
  Bytes range_lists;
  LineHeader files;  // what calls refer to, where has_files; otherwise the unit's own
  bool has_files = false;
};

// Looks into the package, if there is one, then for the file that the unit names.
SplitHalf split_half(Dwarf_Die unit, const DwarfPackage* package, DwarfView& view);

// nullptr where the DIE has no such attribute.
const char* attribute_text(Dwarf_Die& die, unsigned name);

}  // namespace memtrace
