// Looking up the addresses of one compilation unit.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <string>

#include "symbolize/debug_info.hpp"
#include "symbolize/frame_chain.hpp"
#include "symbolize/function_names.hpp"

namespace memtrace {

// What a unit is read from, and how far.
struct UnitSource {
  const DebugInfo& info;
  DwarfView& view;              // of `info`
  const DwarfPackage* package;  // may be nullptr
  std::span<const AddressRange> code;
  Search search;
};

// What is wrong with a unit.
struct UnitProblem {
  bool is_damaged = false;
  std::string missing;  // the name of its other half (split DWARF), where that is not there
};

// chains[i] is what addresses[i] is; a chain stays as it is where nothing is known. `addresses` are
// sorted.
UnitProblem resolve_unit(const UnitSource& source, Dwarf_Off unit,
                         std::span<const std::uint64_t> addresses, std::span<FrameChain> chains,
                         FunctionNames& functions, Names& names);

}  // namespace memtrace
