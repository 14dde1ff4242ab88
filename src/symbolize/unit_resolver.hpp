// Looking up the addresses of one compilation unit.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "mtrace/ids.hpp"
#include "symbolize/dwarf_package.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/function_names.hpp"
#include "symbolize/line_program.hpp"
#include "symbolize/range_lists.hpp"

namespace memtrace {

// One thread's own view of the debug information. It remembers all that was ever asked of it.
struct DwarfView {
  DwarfPointer shared;  // what several modules share (dwz); ends after `dwarf`
  DwarfPointer dwarf;
  std::vector<std::unique_ptr<PackageUnit>> package_units;
};

// Sections are unpacked once, for all views.
class DebugInfo {
 public:
  // `shared` may be nullptr. Both must outlive this and its views.
  DebugInfo(const ElfFile& file, const ElfFile* shared) : file_(file), shared_(shared) {}

  // Throws Error where the debug information is damaged. Cheap, but for the first one.
  DwarfView view();
  // After the first view().
  [[nodiscard]] const LineSections& line_sections() const { return line_sections_; }
  [[nodiscard]] const CodeSections& code_sections() const { return code_sections_; }

 private:
  const ElfFile& file_;
  const ElfFile* shared_;
  std::mutex mutex_;  // for the ELF files
  LineSections line_sections_;
  CodeSections code_sections_;
  bool is_unpacked_ = false;
};

struct SourceFrame {
  StringId filename = kNone<StringId>;
  std::uint32_t lineno = 0;
  StringId function = kNone<StringId>;
};

// Inlined calls, innermost first, and last the function whose code it is. Empty: nothing is known.
using FrameChain = std::vector<SourceFrame>;

// What a unit is read from, and how far.
struct UnitSource {
  const DebugInfo& info;
  DwarfView& view;              // of `info`
  const DwarfPackage* package;  // may be nullptr
  std::span<const CodeRange> code;
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
