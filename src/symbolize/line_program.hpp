// The line of source code that each address of a unit belongs to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "symbolize/elf_file.hpp"
#include "symbolize/line_header.hpp"

namespace memtrace {

struct LineRow {
  std::uint64_t address = 0;
  std::uint32_t file = 0;  // by its number in the header
  std::uint32_t line = 0;  // 0: of none
  bool is_known = false;
};

// Runs the program and keeps, for each of the sorted addresses, the last row at or before it: one
// pass over the bytes, where libdw builds and sorts a table of all rows first. Sequences that begin
// outside of `code` are of functions that the linker dropped. Files that the program defines itself
// are added to the header's. `is_damaged` is set where it cannot be run to its end.
std::vector<LineRow> run_line_program(LineHeader& header, std::span<const std::uint64_t> addresses,
                                      std::span<const AddressRange> code, bool& is_damaged);

}  // namespace memtrace
