#include "runtime/unwind/loaded_module.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <sys/auxv.h>

#include <cstring>

#include "runtime/os/memory.hpp"
#include "runtime/unwind/text_copies.hpp"

namespace memtrace::runtime {

namespace {

bool find_in_loader(std::uintptr_t pc, LoadedModule& module) {
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return false;
  module.begin = reinterpret_cast<std::uintptr_t>(found.dlfo_map_start);
  module.end = reinterpret_cast<std::uintptr_t>(found.dlfo_map_end);
  module.map = found.dlfo_link_map;
  module.eh_frame_header = found.dlfo_eh_frame;
  return true;
}

}  // namespace

bool find_module(std::uintptr_t pc, LoadedModule& module) {
  module.shift = 0;
  if (find_in_loader(pc, module)) return true;
  const CopiedCode copied = find_copied_code(pc);
  module.shift = copied.address - pc;
  // It may have been unloaded since.
  return copied.address != 0 && find_in_loader(copied.address, module) &&
         module.map == copied.module;
}

bool find_program(LoadedModule& module) {
  return find_in_loader(getauxval(AT_PHDR), module);
}

namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes bytes_from(std::uintptr_t begin, std::size_t size) {
  return {reinterpret_cast<const std::uint8_t*>(begin), size};
}

// Of the header at `address`; empty where none lies there.
std::span<const ElfW(Phdr)> headers_behind(std::uintptr_t address) {
  constexpr std::size_t kOnePage = 4096;
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(address);
  if (address % kOnePage != 0 || !is_readable(header) ||
      std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phoff > kOnePage ||
      header->e_phoff % alignof(ElfW(Phdr)) != 0 || header->e_phentsize != sizeof(ElfW(Phdr)) ||
      header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > kOnePage) {
    return {};
  }
  return {reinterpret_cast<const ElfW(Phdr)*>(address + header->e_phoff), header->e_phnum};
}

}  // namespace

// The kernel says where the program's are. A library's are at its beginning, which is at its load
// bias where a segment that lies apart was found.
std::span<const ElfW(Phdr)> program_headers(const LoadedModule& module) {
  const char* const name = module.map->l_name;
  LoadedModule program;
  if ((name == nullptr || *name == '\0') && find_program(program) && program.map == module.map) {
    return {reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR)), getauxval(AT_PHNUM)};
  }
  const std::span<const ElfW(Phdr)> headers = headers_behind(module.begin);
  return headers.empty() ? headers_behind(module.map->l_addr) : headers;
}

namespace {

// The program headers at the start of `module`; empty where no ELF header lies there.
std::span<const ElfW(Phdr)> segments_of(const LoadedModule& module) {
  return headers_behind(module.begin);
}

}  // namespace

Bytes call_frame_segment(const LoadedModule& module) {
  const auto address = reinterpret_cast<std::uintptr_t>(module.eh_frame_header);
  LoadedModule home = module;
  if (address < module.begin || address >= module.end) {
    if (address == 0 || !find_module(address, home)) return {};
  }
  const std::span<const ElfW(Phdr)> segments = segments_of(home);
  // One that lies apart from the others has no header in front of it.
  if (segments.empty()) return bytes_from(home.begin, home.end - home.begin);
  for (const ElfW(Phdr) & segment : segments) {
    const std::uintptr_t begin = home.map->l_addr + segment.p_vaddr;
    const bool within =
        begin >= home.begin && begin < home.end && segment.p_filesz <= home.end - begin;
    if (segment.p_type == PT_LOAD && within && address >= begin &&
        address - begin < segment.p_filesz) {
      return bytes_from(begin, segment.p_filesz);
    }
  }
  return {};
}

}  // namespace memtrace::runtime
