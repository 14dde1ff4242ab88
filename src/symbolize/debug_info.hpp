// A module's debug information, shared by the threads that look things up in it.
#pragma once

#include <elfutils/libdw.h>

#include <memory>
#include <mutex>
#include <vector>

#include "symbolize/dwarf_package.hpp"
#include "symbolize/dwarf_pointer.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/line_header.hpp"
#include "symbolize/package_unit.hpp"
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

}  // namespace memtrace
