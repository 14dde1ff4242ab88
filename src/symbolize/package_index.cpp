#include "symbolize/package_index.hpp"

#include <dwarf.h>

#include "base/byte_cursor.hpp"
#include "symbolize/dwarf_forms.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kGnuVersion = 2, kStandardVersion = 5;
// There are eight kinds of sections; what comes in a later version is passed over.
constexpr std::uint32_t kMostColumns = 64;

std::uint64_t number_in(Bytes table, std::uint64_t index, std::uint32_t size) {
  return read_form_number(table.data() + index * size, size);
}

std::optional<PackageSection> section_of(std::uint32_t version, std::uint64_t id) {
  switch (id) {
    case DW_SECT_INFO:
      return PackageSection::information;
    case DW_SECT_ABBREV:
      return PackageSection::abbreviations;
    case DW_SECT_LINE:
      return PackageSection::lines;
    case DW_SECT_STR_OFFSETS:
      return PackageSection::string_offsets;
    case DW_SECT_RNGLISTS:  // GNU's version has macros there
      if (version >= kStandardVersion) return PackageSection::range_lists;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

PackageIndex::PackageIndex(Bytes index) {
  ByteCursor cursor(index);
  version_ = cursor.little_endian<std::uint32_t>();
  // The standard's number is of two bytes, with room behind it.
  if (version_ != kGnuVersion) version_ &= UINT16_MAX;
  if (version_ != kGnuVersion && version_ != kStandardVersion) {
    throw Error("its index is of an unknown version");
  }
  columns_ = cursor.little_endian<std::uint32_t>();
  units_ = cursor.little_endian<std::uint32_t>();
  slots_ = cursor.little_endian<std::uint32_t>();
  if (columns_ > kMostColumns || (slots_ & (slots_ - 1)) != 0) {
    throw Error("its index is damaged");
  }
  const auto take = [&](std::uint64_t count, std::uint64_t size) {
    const std::string_view taken = cursor.bytes(count * size);
    return Bytes(reinterpret_cast<const std::uint8_t*>(taken.data()), taken.size());
  };
  signatures_ = take(slots_, 8);
  rows_ = take(slots_, 4);
  section_ids_ = take(columns_, 4);
  parts_ = take(std::uint64_t{units_} * columns_, 4);
  sizes_ = take(std::uint64_t{units_} * columns_, 4);
}

std::optional<PackageIndex::Parts> PackageIndex::find(std::uint64_t unit) const {
  const std::uint64_t mask = std::uint64_t{slots_} - 1;
  const std::uint64_t step = ((unit >> 32) & mask) | 1;
  std::uint64_t slot = unit & mask;
  for (std::uint32_t tried = 0; tried < slots_; ++tried, slot = (slot + step) & mask) {
    const auto number = static_cast<std::uint32_t>(number_in(rows_, slot, 4));
    if (number == 0) return std::nullopt;
    if (number_in(signatures_, slot, 8) == unit) return row(number);
  }
  return std::nullopt;
}

PackageIndex::Parts PackageIndex::row(std::uint32_t number) const {
  if (number > units_) throw Error("its index is damaged");
  Parts parts;
  for (std::uint32_t column = 0; column < columns_; ++column) {
    const auto section = section_of(version_, number_in(section_ids_, column, 4));
    if (!section) continue;
    const std::uint64_t place = std::uint64_t{number - 1} * columns_ + column;
    parts[static_cast<std::size_t>(*section)] = {number_in(parts_, place, 4),
                                                 number_in(sizes_, place, 4)};
  }
  return parts;
}

}  // namespace memtrace
