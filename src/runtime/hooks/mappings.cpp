// mmap and its relatives. Where mappings are not traced, which is the default, they only pass
// through.
#include <sys/mman.h>

#include <cstdarg>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/mapping_events.hpp"

namespace memtrace::runtime {
namespace {

std::uintptr_t address_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

// Inside of another hook it is the allocator that maps: its blocks are counted, not its arenas.
[[gnu::always_inline]] inline bool enter_mapping_hook(ThreadState*& thread) {
  if (!traces_mappings.load(std::memory_order_relaxed)) [[likely]]
    return false;
  return is_tracing() && enter_traced_hook(thread) == HookEntry::traced;
}

[[gnu::always_inline]] inline void* map(void* address, std::size_t size, int protection, int flags,
                                        int file, off_t offset) {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) {
    return real.mmap(address, size, protection, flags, file, offset);
  }
  void* const mapped = real.mmap(address, size, protection, flags, file, offset);
  if (mapped != MAP_FAILED) {
    const bool anonymous = (flags & MAP_ANONYMOUS) != 0;
    on_mapped(*thread, address_of(mapped), size, anonymous, caller_registers());
  }
  leave_hook(*thread);
  return mapped;
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

#define MTRACE_HOOK extern "C" __attribute__((visibility("default")))

MTRACE_HOOK void* mmap(void* address, std::size_t size, int protection, int flags, int file,
                       off_t offset) noexcept {
  return map(address, size, protection, flags, file, offset);
}

MTRACE_HOOK void* mmap64(void* address, std::size_t size, int protection, int flags, int file,
                         off_t offset) noexcept {
  return map(address, size, protection, flags, file, offset);
}

MTRACE_HOOK int munmap(void* address, std::size_t size) noexcept {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.munmap(address, size);
  // Before: another thread may be given the addresses at once.
  on_unmapped(*thread, address_of(address), size);
  const int error = real.munmap(address, size);
  leave_hook(*thread);
  return error;
}

MTRACE_HOOK void* mremap(void* old, std::size_t old_size, std::size_t size, int flags,
                         ...) noexcept {
  void* wanted = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list more;
    va_start(more, flags);
    wanted = va_arg(more, void*);
    va_end(more);
  }
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.mremap(old, old_size, size, flags, wanted);
  void* const moved = real.mremap(old, old_size, size, flags, wanted);
  if (moved != MAP_FAILED) {
    on_remapped(*thread, address_of(old), old_size, address_of(moved), size, caller_registers());
  }
  leave_hook(*thread);
  return moved;
}
