// The index of a DWARF package (.dwp): which parts of its sections are a unit's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "symbolize/bytes.hpp"

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

}  // namespace memtrace
