#include "runtime/unwind/text_copies.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "runtime/os/system_call.hpp"
#include "runtime/unwind/loaded_module.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::uintptr_t kFree = 0;
constexpr std::uintptr_t kTaken = 1;

// Written by whoever has taken it, and read by anybody: `begin` is written last, and looked at
// again when the rest has been read.
struct Copy {
  std::atomic<std::uintptr_t> begin;  // or one of the above
  std::atomic<std::uintptr_t> end;
  std::atomic<std::uintptr_t> original;  // of `begin`
  std::atomic<const link_map*> module;
};
// A program has one, or one for each of its isolates: what does not fit stays unknown.
constinit std::array<Copy, 64> copies{};
constinit std::atomic<std::size_t> used{0};  // places that may be taken, from the first on

struct Content {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t original = 0;
  const link_map* module = nullptr;
};

bool read(const Copy& copy, Content& content) {
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
    Copy& copy = copies[i];
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
