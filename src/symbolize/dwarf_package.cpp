#include "symbolize/dwarf_package.hpp"

#include <array>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// By PackageSection.
constexpr std::array<const char*, kPackageSections> kNames = {
    ".debug_info.dwo", ".debug_abbrev.dwo", ".debug_line.dwo", ".debug_str_offsets.dwo",
    ".debug_rnglists.dwo"};

Bytes index_of(const ElfFile& file) {
  const Bytes index = file.unpacked(".debug_cu_index");
  if (index.empty()) throw Error("it is not a DWARF package");
  return index;
}

}  // namespace

DwarfPackage::DwarfPackage(const std::string& path) : file_(path), index_(index_of(file_)) {
  for (std::size_t i = 0; i < kPackageSections; ++i) sections_[i] = file_.unpacked(kNames[i]);
  strings_ = file_.unpacked(".debug_str.dwo");
}

std::optional<SplitSections> DwarfPackage::find(std::uint64_t unit) const {
  const std::optional<PackageIndex::Parts> parts = index_.find(unit);
  if (!parts) return std::nullopt;
  const auto bytes_of = [&](PackageSection section) {
    const auto number = static_cast<std::size_t>(section);
    const auto [offset, size] = (*parts)[number];
    const Bytes whole = sections_[number];
    if (offset > whole.size() || size > whole.size() - offset) throw Error("its index is damaged");
    return whole.subspan(offset, size);
  };
  return SplitSections{.information = bytes_of(PackageSection::information),
                       .abbreviations = bytes_of(PackageSection::abbreviations),
                       .lines = bytes_of(PackageSection::lines),
                       .string_offsets = bytes_of(PackageSection::string_offsets),
                       .range_lists = bytes_of(PackageSection::range_lists),
                       .strings = strings_};
}

}  // namespace memtrace
