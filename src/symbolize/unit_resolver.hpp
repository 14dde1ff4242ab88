// Looking up the addresses of one compilation unit.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <span>
#include <string>

#include "symbolize/frame_chain.hpp"
#include "symbolize/function_names.hpp"

namespace memtrace {

// What is wrong with a unit.
struct UnitProblem {
  bool is_damaged = false;
  std::string missing;  // the name of its other half (split DWARF), where that is not there
};

// chains[i] is what addresses[i] is; a chain stays as it is where nothing is known. `addresses` are
// sorted.
UnitProblem resolve_unit(Dwarf& dwarf, Dwarf_Off unit, std::span<const std::uint64_t> addresses,
                         std::span<FrameChain> chains, FunctionNames& names, const Intern& intern);

}  // namespace memtrace
