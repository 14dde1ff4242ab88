#include "symbolize/dwarf_package.hpp"

#include <dwarf.h>
#include <gelf.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "base/byte_cursor.hpp"
#include "mtrace/error.hpp"
#include "symbolize/dwarf_forms.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kGnuVersion = 2, kStandardVersion = 5;
// There are eight kinds of sections; what comes in a later version is passed over.
constexpr std::uint32_t kMostColumns = 64;

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
    return cursor.take(count * size);
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
    const auto number = static_cast<std::uint32_t>(number_at(rows_, slot, 4));
    if (number == 0) return std::nullopt;
    if (number_at(signatures_, slot, 8) == unit) return row(number);
  }
  return std::nullopt;
}

PackageIndex::Parts PackageIndex::row(std::uint32_t number) const {
  if (number > units_) throw Error("its index is damaged");
  Parts parts;
  for (std::uint32_t column = 0; column < columns_; ++column) {
    const auto section = section_of(version_, number_at(section_ids_, column, 4));
    if (!section) continue;
    const std::uint64_t place = std::uint64_t{number - 1} * columns_ + column;
    parts[static_cast<std::size_t>(*section)] = {number_at(parts_, place, 4),
                                                 number_at(sizes_, place, 4)};
  }
  return parts;
}

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

namespace {

struct ImageSection {
  std::string_view name;
  Bytes content;
};

// An ELF file whose sections have the right names, and one byte each: a section without content is
// none. What they really hold is put into libelf's own record of them afterwards.
template <std::size_t count>
std::string image_of(const std::array<ImageSection, count>& sections) {
  std::string names(1, '\0');
  Elf64_Ehdr header{};
  std::array<Elf64_Shdr, count + 2> headers{};  // the first one stands for none
  for (std::size_t i = 0; i < count; ++i) {
    headers[i + 1].sh_name = static_cast<Elf64_Word>(names.size());
    headers[i + 1].sh_type = SHT_PROGBITS;
    headers[i + 1].sh_size = sections[i].content.empty() ? 0 : 1;
    headers[i + 1].sh_addralign = 1;
    names += std::string(sections[i].name) + '\0';
  }
  headers.back().sh_type = SHT_STRTAB;
  headers.back().sh_offset = sizeof header + sizeof headers;
  headers.back().sh_size = names.size();
  headers.back().sh_addralign = 1;

  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);

  std::string image(reinterpret_cast<const char*>(&header), sizeof header);
  image.append(reinterpret_cast<const char*>(headers.data()), sizeof headers);
  return image.append(names.data(), names.size());
}

}  // namespace

PackageUnit::PackageUnit(const SplitSections& sections) : sections_(sections) {
  try {
    begin();
  } catch (...) {
    elf_end(elf_);
    throw;
  }
}

void PackageUnit::begin() {
  // Lines and ranges are not read by libdw.
  const std::array<ImageSection, 4> own = {{{".debug_info.dwo", sections_.information},
                                            {".debug_abbrev.dwo", sections_.abbreviations},
                                            {".debug_str_offsets.dwo", sections_.string_offsets},
                                            {".debug_str.dwo", sections_.strings}}};
  image_ = image_of(own);
  elf_ = elf_memory(image_.data(), image_.size());
  if (elf_ == nullptr) throw Error("its debug information cannot be read");
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (own[i].content.empty()) continue;
    // Versions of libdw differ in which of the two they ask for.
    Elf_Scn* const section = elf_getscn(elf_, i + 1);
    for (Elf_Data* const data : {elf_rawdata(section, nullptr), elf_getdata(section, nullptr)}) {
      if (data == nullptr) throw Error("its debug information cannot be read");
      // libelf has no other type for it; nothing is written.
      data->d_buf = const_cast<std::uint8_t*>(own[i].content.data());
      data->d_size = own[i].content.size();
    }
  }
  dwarf_ = begin_dwarf(elf_);
}

PackageUnit::~PackageUnit() {
  dwarf_.reset();
  elf_end(elf_);
}

std::optional<Dwarf_Die> PackageUnit::die() const {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  std::uint8_t type = 0;
  while (dwarf_get_units(dwarf_.get(), unit, &unit, nullptr, &type, &die, nullptr) == 0) {
    if (type == DW_UT_split_compile) return die;
  }
  return std::nullopt;
}

}  // namespace memtrace
