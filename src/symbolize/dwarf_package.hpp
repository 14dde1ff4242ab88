// A DWARF package (.dwp): the split halves of many units in one file.
#pragma once

#include <elfutils/libdw.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "symbolize/elf_file.hpp"

namespace memtrace {

// Those sections of a package that tell about functions and lines.
enum class PackageSection : std::uint8_t {
  information,
  abbreviations,
  lines,
  string_offsets,
  range_lists
};
inline constexpr std::size_t kPackageSections = 5;

// Which parts of the package's sections are a unit's.
class PackageIndex {
 public:
  struct Part {
    std::uint64_t offset = 0, size = 0;
  };
  // By PackageSection. Empty where the unit has nothing in that section.
  using Parts = std::array<Part, kPackageSections>;

  // A .debug_cu_index of version 2 (GNU's, with DWARF 4) or 5, which must outlive this. Throws
  // Error where it is of another version or shorter than it says.
  explicit PackageIndex(Bytes index);

  // By the number that the unit and its skeleton share; nullopt where there is no such unit. Throws
  // Error where the index is damaged. What it finds may still be outside of the sections.
  [[nodiscard]] std::optional<Parts> find(std::uint64_t unit) const;

 private:
  [[nodiscard]] Parts row(std::uint32_t number) const;

  std::uint32_t version_ = 0, columns_ = 0, units_ = 0, slots_ = 0;
  Bytes signatures_, rows_;            // the hash table
  Bytes section_ids_, parts_, sizes_;  // for each row, a number for each column
};

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

// elfutils 0.188 knows no packages, only files that hold one split half each (.dwo). This is such a
// file: an ELF header in memory over the unit's parts of the package, none of which is copied.
class PackageUnit {
 public:
  // The package that `sections` are of must outlive this. Throws Error where libdw refuses it.
  explicit PackageUnit(const SplitSections& sections);
  ~PackageUnit();
  PackageUnit(const PackageUnit&) = delete;
  PackageUnit& operator=(const PackageUnit&) = delete;

  // The DIE of the unit; nullopt where it is damaged.
  [[nodiscard]] std::optional<Dwarf_Die> die() const;
  [[nodiscard]] const SplitSections& sections() const { return sections_; }

 private:
  void begin();

  SplitSections sections_;
  std::string image_;
  Elf* elf_ = nullptr;
  DwarfPointer dwarf_;
};

}  // namespace memtrace
