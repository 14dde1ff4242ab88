#include "symbolize/elf_file.hpp"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {

DwarfPointer begin_dwarf(Elf* elf) {
  DwarfPointer dwarf(dwarf_begin_elf(elf, DWARF_C_READ, nullptr));
  if (!dwarf) {
    throw Error(fmt::format("its debug information cannot be read ({})", dwarf_errmsg(-1)));
  }
  return dwarf;
}

namespace {

// Where variables are, how to unwind, macros, and indexes.
constexpr std::array kUnusedSections = {
    ".debug_loc",          ".debug_loclists", ".debug_loc.dwo",  ".debug_loclists.dwo",
    ".debug_frame",        ".debug_macro",    ".debug_macinfo",  ".debug_macro.dwo",
    ".debug_aranges",      ".debug_pubnames", ".debug_pubtypes", ".debug_gnu_pubnames",
    ".debug_gnu_pubtypes", ".debug_names",    ".gdb_index"};

// Debug information is a tenth of its size when packed, zlib can make a thousandth of zeros.
constexpr std::uint64_t kMostUnpacked = 64 << 20, kMostTimes = 200;

bool is_bomb(Elf_Scn* section) {
  GElf_Shdr header;
  GElf_Chdr packed;
  return gelf_getshdr(section, &header) != nullptr && (header.sh_flags & SHF_COMPRESSED) != 0 &&
         gelf_getchdr(section, &packed) != nullptr && packed.ch_size > kMostUnpacked &&
         packed.ch_size / kMostTimes > header.sh_size;
}

}  // namespace

bool is_code(std::span<const CodeRange> code, std::uint64_t address) {
  return code.empty() || std::any_of(code.begin(), code.end(), [&](const CodeRange& range) {
           return range.contains(address);
         });
}

ElfFile::ElfFile(std::string path) : path_(std::move(path)) {
  // A pipe that nobody writes to must not stop everything.
  file_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) throw Error(std::strerror(errno));
  begin();
}

ElfFile::ElfFile(std::string path, int file) : path_(std::move(path)), file_(file) {
  begin();
}

ElfFile::~ElfFile() {
  elf_end(elf_);
  close(file_);
}

void ElfFile::begin() {
  static_cast<void>(elf_version(EV_CURRENT));
  struct stat status {};
  if (fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) {
    elf_ = elf_begin(file_, ELF_C_READ_MMAP_PRIVATE, nullptr);
  }
  if (elf_ == nullptr || elf_kind(elf_) != ELF_K_ELF) {
    elf_end(elf_);
    close(file_);
    throw Error("it is not an ELF file");
  }
  const char* const identification = elf_getident(elf_, nullptr);
  if (identification == nullptr || identification[EI_DATA] != ELFDATA2LSB) {
    elf_end(elf_);
    close(file_);
    throw Error("it is for processors of another byte order");
  }
}

std::string ElfFile::build_id() const {
  const void* bytes = nullptr;
  const ssize_t size = dwelf_elf_gnu_build_id(elf_, &bytes);
  return size <= 0 ? std::string()
                   : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

Elf_Scn* find_section(Elf* elf, const char* name) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return nullptr;
  for (Elf_Scn* scn = elf_nextscn(elf, nullptr); scn != nullptr; scn = elf_nextscn(elf, scn)) {
    GElf_Shdr header;
    if (gelf_getshdr(scn, &header) == nullptr || header.sh_type == SHT_NOBITS) continue;
    const char* const found = elf_strptr(elf, names, header.sh_name);
    if (found != nullptr && std::strcmp(found, name) == 0) return scn;
  }
  return nullptr;
}

Bytes section_content(Elf* elf, const char* name) {
  Elf_Scn* found = find_section(elf, name);
  // The old way of packing has names of its own: ".zdebug_line".
  if (found == nullptr) found = find_section(elf, (".z" + std::string(name + 1)).c_str());
  const Elf_Data* const data = found == nullptr ? nullptr : elf_getdata(found, nullptr);
  if (data == nullptr || data->d_buf == nullptr) return {};
  return {static_cast<const std::uint8_t*>(data->d_buf), data->d_size};
}

Bytes ElfFile::unpacked(const char* name) const {
  Elf_Scn* const found = section(name);
  GElf_Shdr header;
  if (found != nullptr && gelf_getshdr(found, &header) != nullptr &&
      (header.sh_flags & SHF_COMPRESSED) != 0 &&
      (is_bomb(found) || elf_compress(found, 0, 0) < 0)) {
    throw Error("a section of it cannot be unpacked");
  }
  return content(name);
}

bool ElfFile::has_debug_information() const {
  return section(".debug_info") != nullptr || section(".zdebug_info") != nullptr;
}

// NOLINTNEXTLINE(readability-make-member-function-const): it changes what the others find
void ElfFile::hide(Elf_Scn* section) {
  GElf_Shdr header;
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return;
  header.sh_type = SHT_NOBITS;
  gelf_update_shdr(section, &header);
}

bool ElfFile::hide_unused_debug_information() {
  for (const char* const name : kUnusedSections) hide(section(name));
  bool is_credible = true;
  for (Elf_Scn* scn = elf_nextscn(elf_, nullptr); scn != nullptr; scn = elf_nextscn(elf_, scn)) {
    if (!is_bomb(scn)) continue;
    hide(scn);
    is_credible = false;
  }
  return is_credible;
}

std::vector<CodeRange> ElfFile::code() const {
  std::vector<CodeRange> ranges;
  std::size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0) return ranges;
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf_, static_cast<int>(i), &header) == nullptr) break;
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    if (header.p_vaddr + header.p_memsz < header.p_vaddr) continue;
    ranges.push_back({header.p_vaddr, header.p_vaddr + header.p_memsz});
  }
  return ranges;
}

}  // namespace memtrace
