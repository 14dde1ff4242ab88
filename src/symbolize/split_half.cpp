#include "symbolize/split_half.hpp"

#include <dwarf.h>

#include <cstdint>
#include <optional>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// The whole line table of a split half is the names of files.
void read_files(Bytes lines, Bytes strings, SplitHalf& half) {
  if (lines.empty()) return;
  try {
    half.files = read_line_header({.lines = lines, .line_strings = {}, .strings = strings}, 0);
    half.has_files = true;
  } catch (const Error&) {
    half.is_damaged = true;
  }
}

// False where the package does not have it.
bool take_from_package(const DwarfPackage& package, std::uint64_t unit, DwarfView& view,
                       SplitHalf& half) {
  try {
    const std::optional<SplitSections> sections = package.find(unit);
    if (!sections) return false;
    auto own = std::make_unique<PackageUnit>(*sections);
    const std::optional<Dwarf_Die> die = own->die();
    if (!die) throw Error("its debug information is damaged");
    half.die = *die;
    half.is_there = true;
    half.range_lists = sections->range_lists;
    read_files(sections->lines, sections->strings, half);
    view.package_units.push_back(std::move(own));
    return true;
  } catch (const Error&) {
    half.is_damaged = true;
    return false;
  }
}

void take_from_file(const Dwarf_Die& split, SplitHalf& half) {
  Elf* const file = dwarf_getelf(dwarf_cu_getdwarf(split.cu));
  half.die = split;
  half.is_there = true;
  half.range_lists = section_content(file, ".debug_rnglists.dwo");
  read_files(section_content(file, ".debug_line.dwo"), section_content(file, ".debug_str.dwo"),
             half);
}

}  // namespace

const char* attribute_text(Dwarf_Die& die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_formstring(dwarf_attr(&die, name, &attribute));
}

SplitHalf split_half(Dwarf_Die unit, const DwarfPackage* package, DwarfView& view) {
  SplitHalf half;
  half.die = unit;
  Dwarf_Die split;
  std::uint8_t type = 0;
  std::uint64_t number = 0;
  if (dwarf_cu_info(unit.cu, nullptr, &type, nullptr, nullptr, &number, nullptr, nullptr) != 0 ||
      type != DW_UT_skeleton) {
    return half;
  }
  if (package != nullptr && take_from_package(*package, number, view, half)) return half;
  if (dwarf_cu_info(unit.cu, nullptr, nullptr, nullptr, &split, nullptr, nullptr, nullptr) == 0 &&
      split.addr != nullptr) {
    take_from_file(split, half);
    return half;
  }
  const char* name = attribute_text(unit, DW_AT_dwo_name);
  if (name == nullptr) name = attribute_text(unit, DW_AT_GNU_dwo_name);
  half.missing = name == nullptr ? "?" : name;
  return half;
}

}  // namespace memtrace
