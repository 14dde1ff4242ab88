// A DWARF package: the split halves of many units in one file.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "symbolize/bytes.hpp"
#include "symbolize/elf_file.hpp"
#include "symbolize/package_index.hpp"

namespace memtrace {

// What a split half consists of.
struct SplitSections {
  Bytes information, abbreviations, lines, string_offsets, range_lists, strings;
};

// Sections are unpacked once; then it is for many threads.
class DwarfPackage {
 public:
  // Throws Error, without the path, where it cannot be read.
  explicit DwarfPackage(const std::string& path);

  [[nodiscard]] const std::string& path() const { return file_.path(); }
  // nullopt where it has no such unit. Throws Error where it is damaged there.
  [[nodiscard]] std::optional<SplitSections> find(std::uint64_t unit) const;

 private:
  ElfFile file_;
  std::array<Bytes, kPackageSections> sections_;
  Bytes strings_;
  PackageIndex index_;
};

}  // namespace memtrace
