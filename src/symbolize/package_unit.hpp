// A unit from a DWARF package, for libdw.
#pragma once

#include <elfutils/libdw.h>

#include <memory>
#include <optional>
#include <vector>

#include "symbolize/dwarf_package.hpp"
#include "symbolize/dwarf_pointer.hpp"

namespace memtrace {

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
  std::vector<char> image_;
  Elf* elf_ = nullptr;
  DwarfPointer dwarf_;
};

}  // namespace memtrace
