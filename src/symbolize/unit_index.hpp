// Which compilation unit an address belongs to.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <vector>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// Addresses of one unit: a part of a module's sorted addresses.
struct UnitAddresses {
  Dwarf_Off unit = 0;  // the offset of its DIE
  std::vector<std::uint32_t> addresses;
};

struct ModuleUnits {
  std::vector<UnitAddresses> units;  // in the order of their offsets
  bool has_split = false;            // some units' DIEs are elsewhere
  bool is_damaged = false;           // not all units could be looked at
};

// Looks at every unit's DIE, and at nothing below. `addresses` are sorted; those that no unit
// claims are left out. Only ranges within `code` count: linkers leave those of code that they
// dropped at address 0.
ModuleUnits addresses_by_unit(Dwarf& dwarf, std::span<const std::uint64_t> addresses,
                              std::span<const AddressRange> code);

}  // namespace memtrace
