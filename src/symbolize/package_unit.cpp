#include "symbolize/package_unit.hpp"

#include <dwarf.h>
#include <gelf.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct Section {
  std::string_view name;
  Bytes content;
};

// An ELF file whose sections have the right names, and one byte each: a section without content is
// none. What they really hold is put into libelf's own record of them afterwards.
template <std::size_t count>
std::vector<char> image_of(const std::array<Section, count>& sections) {
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

  std::vector<char> image(sizeof header + sizeof headers + names.size());
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, headers.data(), sizeof headers);
  std::memcpy(image.data() + sizeof header + sizeof headers, names.data(), names.size());
  return image;
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
  const std::array<Section, 4> own = {{{".debug_info.dwo", sections_.information},
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
