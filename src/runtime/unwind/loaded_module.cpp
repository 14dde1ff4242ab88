#include "runtime/unwind/loaded_module.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstring>

namespace memtrace::runtime {

bool find_module(std::uintptr_t pc, LoadedModule& module) {
  dl_find_object found;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &found) != 0) return false;
  module.begin = reinterpret_cast<std::uintptr_t>(found.dlfo_map_start);
  module.end = reinterpret_cast<std::uintptr_t>(found.dlfo_map_end);
  module.map = found.dlfo_link_map;
  module.eh_frame_header = found.dlfo_eh_frame;
  return true;
}

namespace {

using Bytes = std::span<const std::uint8_t>;

Bytes bytes_from(std::uintptr_t begin, std::size_t size) {
  return {reinterpret_cast<const std::uint8_t*>(begin), size};
}

// The program headers at the start of `module`; empty where no ELF header lies there.
std::span<const Elf64_Phdr> segments_of(const LoadedModule& module) {
  constexpr std::size_t kOnePage = 4096;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(module.begin);
  if (module.end - module.begin < sizeof *header ||
      std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phoff > kOnePage ||
      header->e_phoff % alignof(Elf64_Phdr) != 0 || header->e_phentsize != sizeof(Elf64_Phdr) ||
      header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr) > kOnePage) {
    return {};
  }
  return {reinterpret_cast<const Elf64_Phdr*>(module.begin + header->e_phoff), header->e_phnum};
}

}  // namespace

Bytes call_frame_segment(const LoadedModule& module) {
  const auto address = reinterpret_cast<std::uintptr_t>(module.eh_frame_header);
  LoadedModule home = module;
  if (address < module.begin || address >= module.end) {
    if (address == 0 || !find_module(address, home)) return {};
  }
  const std::span<const Elf64_Phdr> segments = segments_of(home);
  // One that lies apart from the others has no header in front of it.
  if (segments.empty()) return bytes_from(home.begin, home.end - home.begin);
  for (const Elf64_Phdr& segment : segments) {
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
