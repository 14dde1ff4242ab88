// mmap and its relatives. Where mappings are not traced, which is the default, they only pass
// through.
#include <dlfcn.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/mapping_events.hpp"

namespace memtrace::runtime {
namespace {

using MmapFunction = void* (*)(void*, std::size_t, int, int, int, off_t);
using MunmapFunction = int (*)(void*, std::size_t);
using MremapFunction = void* (*)(void*, std::size_t, std::size_t, int, ...);

// Found at the first call. While that goes on, and before libc can, the kernel is asked directly.
template <class Function>
class NextFunction {
 public:
  constexpr explicit NextFunction(const char* name) : name_(name) {}
  // nullptr: there is none yet.
  Function get() {
    Function found = found_.load(std::memory_order_acquire);
    if (found != nullptr || is_searching) return found;
    is_searching = true;
    found = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name_));
    found_.store(found, std::memory_order_release);
    is_searching = false;
    return found;
  }

 private:
  const char* name_;
  std::atomic<Function> found_{nullptr};
  static inline constinit thread_local bool is_searching [[gnu::tls_model("initial-exec")]] = false;
};
constinit NextFunction<MmapFunction> next_mmap{"mmap"};
constinit NextFunction<MunmapFunction> next_munmap{"munmap"};
constinit NextFunction<MremapFunction> next_mremap{"mremap"};

long with_error_number(long result) {
  if (!is_error(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}

void* real_mmap(void* address, std::size_t size, int protection, int flags, int file,
                off_t offset) {
  const MmapFunction next = next_mmap.get();
  if (next != nullptr) return next(address, size, protection, flags, file, offset);
  return reinterpret_cast<void*>(
      with_error_number(system_call(SYS_mmap, address, size, protection, flags, file, offset)));
}

int real_munmap(void* address, std::size_t size) {
  const MunmapFunction next = next_munmap.get();
  if (next != nullptr) return next(address, size);
  return static_cast<int>(with_error_number(system_call(SYS_munmap, address, size)));
}

void* real_mremap(void* old, std::size_t old_size, std::size_t size, int flags, void* wanted) {
  const MremapFunction next = next_mremap.get();
  if (next != nullptr) return next(old, old_size, size, flags, wanted);
  return reinterpret_cast<void*>(
      with_error_number(system_call(SYS_mremap, old, old_size, size, flags, wanted)));
}

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
    return real_mmap(address, size, protection, flags, file, offset);
  }
  void* const mapped = real_mmap(address, size, protection, flags, file, offset);
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
  if (!enter_mapping_hook(thread)) return real_munmap(address, size);
  // Before: another thread may be given the addresses at once.
  on_unmapped(*thread, address_of(address), size);
  const int error = real_munmap(address, size);
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
  if (!enter_mapping_hook(thread)) return real_mremap(old, old_size, size, flags, wanted);
  void* const moved = real_mremap(old, old_size, size, flags, wanted);
  if (moved != MAP_FAILED) {
    on_remapped(*thread, address_of(old), old_size, address_of(moved), size, caller_registers());
  }
  leave_hook(*thread);
  return moved;
}
