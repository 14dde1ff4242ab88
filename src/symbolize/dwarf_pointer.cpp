#include "symbolize/dwarf_pointer.hpp"

#include <fmt/format.h>

#include "mtrace/error.hpp"

namespace memtrace {

DwarfPointer begin_dwarf(Elf* elf) {
  DwarfPointer dwarf(dwarf_begin_elf(elf, DWARF_C_READ, nullptr));
  if (!dwarf) {
    throw Error(fmt::format("its debug information cannot be read ({})", dwarf_errmsg(-1)));
  }
  return dwarf;
}

}  // namespace memtrace
