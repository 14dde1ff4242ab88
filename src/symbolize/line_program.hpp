// The line of source code that each address of a unit belongs to.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// The sections that a line number program is written in, and that its names are in.
struct LineSections {
  Bytes lines;         // .debug_line
  Bytes line_strings;  // .debug_line_str
  Bytes strings;       // .debug_str
};

// Of DWARF 2 to 5. Names stay in the sections.
struct LineHeader {
  struct File {
    std::string_view name;
    std::uint64_t folder = 0;
  };

  std::uint16_t version = 0;
  std::uint8_t minimum_instruction = 1;
  std::int8_t line_base = 0;
  std::uint8_t line_range = 1;
  std::uint8_t opcode_base = 1;
  std::vector<std::uint8_t> opcode_arguments;  // of opcode i + 1
  std::vector<std::string_view> folders;       // by number; in all versions, 0 is the unit's own
  std::vector<File> files;                     // by number; before DWARF 5, 0 is none
  Bytes program;
};

// The program that begins at `offset` in .debug_line. Throws Error where it is damaged, or of
// another version.
LineHeader read_line_header(const LineSections& sections, std::uint64_t offset);

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
                                      std::span<const CodeRange> code, bool& is_damaged);

}  // namespace memtrace
