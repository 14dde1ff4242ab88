#include "runtime/unwind/loaded_module.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

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

namespace {

constexpr std::uintptr_t kFree = 0;
constexpr std::uintptr_t kTaken = 1;

// Written by whoever has taken it, and read by anybody: `begin` is written last, and looked at
// again when the rest has been read.
struct TextCopy {
  std::atomic<std::uintptr_t> begin;  // or one of the above
  std::atomic<std::uintptr_t> end;
  std::atomic<std::uintptr_t> original;  // of `begin`
  std::atomic<const link_map*> module;
};
// A program has one, or one for each of its isolates: what does not fit stays unknown.
constinit std::array<TextCopy, 64> copies{};
constinit std::atomic<std::size_t> used{0};  // places that may be taken, from the first on

struct Content {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t original = 0;
  const link_map* module = nullptr;
};

bool read(const TextCopy& copy, Content& content) {
  content.begin = copy.begin.load(std::memory_order_acquire);
  if (content.begin <= kTaken) return false;
  content.end = copy.end.load(std::memory_order_relaxed);
  content.original = copy.original.load(std::memory_order_relaxed);
  content.module = copy.module.load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  return copy.begin.load(std::memory_order_relaxed) == content.begin;
}

bool add(const Content& content) {
  if (content.begin >= content.end) return false;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    TextCopy& copy = copies[i];
    std::uintptr_t free = kFree;
    if (!copy.begin.compare_exchange_strong(free, kTaken, std::memory_order_acq_rel)) continue;
    copy.end.store(content.end, std::memory_order_relaxed);
    copy.original.store(content.original, std::memory_order_relaxed);
    copy.module.store(content.module, std::memory_order_relaxed);
    copy.begin.store(content.begin, std::memory_order_release);
    std::size_t known = used.load(std::memory_order_relaxed);
    while (known <= i && !used.compare_exchange_weak(known, i + 1, std::memory_order_release)) {
    }
    return true;
  }
  return false;
}

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t number = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity_of(const struct stat& status) {
  return {status.st_dev, status.st_ino};
}

// Where the module's file is: "" is the program.
bool is_file_of(const link_map& module, const FileIdentity& file) {
  const char* const name = module.l_name;
  const char* const path = name == nullptr || *name == '\0' ? "/proc/self/exe" : name;
  struct stat status {};
  const long error = system_call(SYS_newfstatat, AT_FDCWD, path, &status, 0);
  return !is_error(error) && identity_of(status) == file;
}

struct MappedFile {
  std::uintptr_t begin = 0;
  std::size_t size = 0;
  std::uint64_t offset = 0;
};

bool note_segments(const MappedFile& mapped, const LoadedModule& module) {
  bool is_noted = false;
  for (const Elf64_Phdr& segment : program_headers(module)) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    const std::uint64_t from = std::max(mapped.offset, segment.p_offset);
    const std::uint64_t to =
        std::min(mapped.offset + mapped.size, segment.p_offset + segment.p_filesz);
    if (from >= to) continue;
    is_noted |= add({.begin = mapped.begin + (from - mapped.offset),
                     .end = mapped.begin + (to - mapped.offset),
                     .original = module.map->l_addr + segment.p_vaddr + (from - segment.p_offset),
                     .module = module.map});
  }
  return is_noted;
}

}  // namespace

bool note_mapped_code(std::uintptr_t begin, std::size_t size, int file, std::uint64_t offset,
                      std::uintptr_t caller) {
  struct stat status {};
  if (is_error(system_call(SYS_fstat, file, &status)) || !S_ISREG(status.st_mode)) return false;
  const FileIdentity identity = identity_of(status);
  const MappedFile mapped{begin, size, offset};
  LoadedModule module;
  if (find_program(module) && is_file_of(*module.map, identity))
    return note_segments(mapped, module);
  return find_module(caller, module) && is_file_of(*module.map, identity) &&
         note_segments(mapped, module);
}

bool note_moved_code(std::uintptr_t from, std::uintptr_t begin, std::size_t size) {
  LoadedModule module;
  if (from == begin || !find_module(from, module)) return false;
  return add({begin, begin + size, from + module.shift, module.map});
}

bool forget_copied_code(std::uintptr_t begin, std::size_t size) {
  const std::size_t count = used.load(std::memory_order_acquire);
  bool is_forgotten = false;
  for (std::size_t i = 0; i < count; ++i) {
    Content content;
    const std::uintptr_t end = begin + size;
    if (!read(copies[i], content) || content.end <= begin || content.begin >= end) continue;
    std::uintptr_t present = content.begin;
    if (!copies[i].begin.compare_exchange_strong(present, kFree, std::memory_order_acq_rel))
      continue;
    is_forgotten = true;
    // What lies before and behind is still there.
    add({content.begin, std::min(content.end, begin), content.original, content.module});
    if (end < content.end) {
      add({end, content.end, content.original + (end - content.begin), content.module});
    }
  }
  return is_forgotten;
}

CopiedCode find_copied_code(std::uintptr_t address) {
  const std::size_t count = used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    Content content;
    if (read(copies[i], content) && address >= content.begin && address < content.end) {
      return {content.original + (address - content.begin), content.module};
    }
  }
  return {};
}

}  // namespace memtrace::runtime
