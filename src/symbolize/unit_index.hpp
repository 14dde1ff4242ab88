// Which compilation unit an address belongs to.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// Addresses of one unit: a part of a module's sorted addresses.
struct UnitAddresses {
  Dwarf_Off unit = 0;  // the offset of its DIE
  std::vector<std::uint32_t> addresses;
};

// Looks at every unit's DIE, and at nothing below. Units are in the order of their offsets.
// `addresses` are sorted; those that no unit claims are left out. Only ranges within `code` count:
// linkers leave those of code that they dropped at address 0. `warning` is set where the debug
// information is damaged.
std::vector<UnitAddresses> addresses_by_unit(Dwarf& dwarf, std::span<const std::uint64_t> addresses,
                                             std::span<const AddressRange> code,
                                             std::string& warning);

}  // namespace memtrace
