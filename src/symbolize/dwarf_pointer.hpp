// libdw's handle, owned.
#pragma once

#include <elfutils/libdw.h>

#include <memory>

namespace memtrace {

struct DwarfEnd {
  void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};
using DwarfPointer = std::unique_ptr<Dwarf, DwarfEnd>;

// Throws Error where the debug information is damaged. Does not take `elf`.
DwarfPointer begin_dwarf(Elf* elf);

}  // namespace memtrace
