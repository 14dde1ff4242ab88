// mmap and its relatives. Where mappings are not traced, which is the default, they only pass
// through.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include <cerrno>
#include <cstdarg>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/own_mappings.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/mapping_events.hpp"
#include "runtime/tracer/tracer.hpp"
#include "runtime/unwind/loaded_module.hpp"

namespace memtrace::runtime {
namespace {

// Those that headers may not have yet.
constexpr int kPopulateRead = 22, kPopulateWrite = 23, kDontNeedLocked = 24;
constexpr int kGuardInstall = 102, kGuardRemove = 103;

MappedRange range_of(const void* begin, std::size_t size) {
  return {address_of(begin), size};
}

// Otherwise the kernel refuses it.
bool is_range(const void* begin, std::size_t size) {
  constexpr std::size_t kPage = 4096, kMost = std::size_t{1} << 47;
  return address_of(begin) % kPage == 0 && size > 0 && size <= kMost;
}

// Inside of another hook it is the allocator that maps: its blocks are counted, not its arenas.
[[gnu::always_inline]] inline bool enter_mapping_hook(ThreadState*& thread) {
  if (!traces_mappings.load(std::memory_order_relaxed)) [[likely]]
    return false;
  return is_tracing() && enter_traced_hook(thread) == HookEntry::traced;
}

// The program's mapping has failed. Inside of an allocator's hook, that one asks when all fails.
bool makes_room(std::size_t size, bool is_hook) {
  if (errno != ENOMEM || (local.guard && !is_hook)) return false;
  return make_room(size);
}

// NOLINTNEXTLINE(readability-function-size): the parameters of mmap, and where from
void* map_really(void* address, std::size_t size, int protection, int flags, int file, off_t offset,
                 bool is_hook) {
  void* const mapped = real.mmap(address, size, protection, flags, file, offset);
  if (mapped != MAP_FAILED || !makes_room(size, is_hook)) return mapped;
  return real.mmap(address, size, protection, flags, file, offset);
}

// Whether tracing is on or not: what is mapped now may be called then.
[[gnu::noinline]] void note_code(const void* mapped, std::size_t size, int flags, int file,
                                 off_t offset, const void* caller) {
  bool has_changed = forget_copied_code(address_of(mapped), size);
  if ((flags & MAP_ANONYMOUS) == 0) {
    has_changed |= note_mapped_code(address_of(mapped), size, file,
                                    static_cast<std::uint64_t>(offset), address_of(caller));
  }
  if (has_changed) code_may_be_unloaded();
}

[[gnu::always_inline]] inline void* map_counted(void* address, std::size_t size, int protection,
                                                int flags, int file, off_t offset) {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) {
    return map_really(address, size, protection, flags, file, offset, false);
  }
  void* const mapped = map_really(address, size, protection, flags, file, offset, true);
  if (mapped != MAP_FAILED) {
    const MappingKind kind{.is_anonymous = (flags & MAP_ANONYMOUS) != 0,
                           .is_touchable = protection != PROT_NONE,
                           .is_shared = (flags & MAP_TYPE) != MAP_PRIVATE};
    on_mapped(*thread, range_of(mapped, size), kind, caller_registers());
  }
  leave_hook(*thread);
  return mapped;
}

[[gnu::always_inline]] inline void* map(void* address, std::size_t size, int protection, int flags,
                                        int file, off_t offset) {
  void* const mapped = map_counted(address, size, protection, flags, file, offset);
  if (mapped != MAP_FAILED && (flags & (MAP_ANONYMOUS | MAP_FIXED)) != MAP_ANONYMOUS) {
    note_code(mapped, size, flags, file, offset, __builtin_return_address(0));
  }
  return mapped;
}

void note_move(const void* from, const void* to, std::size_t size) {
  bool has_changed = from != to && forget_copied_code(address_of(to), size);
  has_changed |= note_moved_code(address_of(from), address_of(to), size);
  if (from != to) has_changed |= forget_copied_code(address_of(from), size);
  if (has_changed) code_may_be_unloaded();
}

[[gnu::always_inline]] inline int protect(void* address, std::size_t size, int protection,
                                          int error, ThreadState& thread) {
  if (error != 0) return error;
  if (protection == PROT_NONE) {
    on_made_untouchable(thread, range_of(address, size));
  } else {
    on_made_touchable(thread, range_of(address, size), caller_registers());
  }
  return error;
}

[[gnu::always_inline]] inline void advise(void* address, std::size_t size, int advice,
                                          ThreadState& thread) {
  const MappedRange range = range_of(address, size);
  switch (advice) {
    case MADV_DONTNEED:
    case kDontNeedLocked:
    case MADV_FREE:
      return on_given_back(thread, range, false);
    case MADV_REMOVE:
      return on_given_back(thread, range, true);
    case kGuardInstall:
      return on_made_untouchable(thread, range);
    case kGuardRemove:
    case kPopulateRead:
    case kPopulateWrite:
      return on_made_touchable(thread, range, caller_registers());
    default:
      return;
  }
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

MTRACE_EXPORT void* mmap(void* address, std::size_t size, int protection, int flags, int file,
                         off_t offset) noexcept {
  return map(address, size, protection, flags, file, offset);
}

MTRACE_EXPORT void* mmap64(void* address, std::size_t size, int protection, int flags, int file,
                           off_t offset) noexcept {
  return map(address, size, protection, flags, file, offset);
}

MTRACE_EXPORT int munmap(void* address, std::size_t size) noexcept {
  ThreadState* thread = nullptr;
  if (forget_copied_code(address_of(address), size)) code_may_be_unloaded();
  if (!enter_mapping_hook(thread)) return real.munmap(address, size);
  if (!is_range(address, size)) {
    leave_hook(*thread);
    return real.munmap(address, size);
  }
  begin_unmap(*thread, range_of(address, size));
  const int error = real.munmap(address, size);
  end_unmap(*thread, range_of(address, size), error == 0);
  leave_hook(*thread);
  return error;
}

MTRACE_EXPORT void* mremap(void* old, std::size_t old_size, std::size_t size, int flags,
                           ...) noexcept {
  constexpr int kDontUnmap = 4;
  void* wanted = nullptr;
  if ((flags & (MREMAP_FIXED | kDontUnmap)) != 0) {
    va_list more;
    va_start(more, flags);
    wanted = va_arg(more, void*);
    va_end(more);
  }
  ThreadState* thread = nullptr;
  const bool is_hook = enter_mapping_hook(thread);
  const bool is_known = is_hook && is_range(old, old_size);
  if (is_known) begin_unmap(*thread, range_of(old, old_size));
  void* moved = real.mremap(old, old_size, size, flags, wanted);
  const std::size_t more = size > old_size ? size - old_size : 0;
  if (moved == MAP_FAILED && makes_room(more, is_hook)) {
    moved = real.mremap(old, old_size, size, flags, wanted);
  }
  if (moved != MAP_FAILED) note_move(old, moved, size);
  if (!is_hook) return moved;
  if (is_known && moved != MAP_FAILED) {
    on_remapped(*thread,
                {.from = range_of(old, old_size),
                 .to = range_of(moved, size),
                 .stays = (flags & kDontUnmap) != 0},
                caller_registers());
  }
  if (is_known) end_unmap(*thread, range_of(old, old_size), moved != MAP_FAILED);
  leave_hook(*thread);
  return moved;
}

MTRACE_EXPORT int mprotect(void* address, std::size_t size, int protection) noexcept {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.mprotect(address, size, protection);
  const int error =
      protect(address, size, protection, real.mprotect(address, size, protection), *thread);
  leave_hook(*thread);
  return error;
}

MTRACE_EXPORT int pkey_mprotect(void* address, std::size_t size, int protection, int key) noexcept {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.pkey_mprotect(address, size, protection, key);
  const int error = protect(address, size, protection,
                            real.pkey_mprotect(address, size, protection, key), *thread);
  leave_hook(*thread);
  return error;
}

// Where a part of the range is not mapped, the rest has been given back all the same.
MTRACE_EXPORT int madvise(void* address, std::size_t size, int advice) noexcept {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.madvise(address, size, advice);
  const int error = real.madvise(address, size, advice);
  const int number = errno;
  if (error == 0 || number == ENOMEM) advise(address, size, advice, *thread);
  leave_hook(*thread);
  errno = number;
  return error;
}

// It is no anonymous memory, but may take the place of some.
MTRACE_EXPORT void* shmat(int segment, const void* address, int flags) noexcept {
  ThreadState* thread = nullptr;
  if (!enter_mapping_hook(thread)) return real.shmat(segment, address, flags);
  void* const attached = real.shmat(segment, address, flags);
  shmid_ds description;
  if (address_of(attached) != UINTPTR_MAX && shmctl(segment, IPC_STAT, &description) == 0) {
    on_mapped(*thread, range_of(attached, description.shm_segsz), {}, caller_registers());
  }
  leave_hook(*thread);
  return attached;
}

// mlockall() and munlockall(): what the program locks is its own memory, not the tracer's tables,
// which would count against its limit and be backed by memory as a whole.

namespace {

bool locks_future = false;

}  // namespace

MTRACE_EXPORT int mlockall(int flags) noexcept {
  // First, so that nothing that is mapped meanwhile is locked.
  set_locks_future_memory(true);
  const int error = real.mlockall(flags);
  if (error == 0) {
    locks_future = (flags & MCL_FUTURE) != 0;
    unlock_own_mappings();
  }
  set_locks_future_memory(locks_future);
  return error;
}

MTRACE_EXPORT int munlockall() noexcept {
  const int error = real.munlockall();
  if (error == 0) set_locks_future_memory(locks_future = false);
  return error;
}

namespace memtrace::runtime {

// pthread_create(): a thread's stack is memory that the program asks for, and libc maps.

namespace {

// 0 where the program brings the stack itself.
std::size_t stack_size(const pthread_attr_t* attributes) {
  std::size_t size = 0;
  if (attributes != nullptr) {
    void* stack = nullptr;
    return pthread_attr_getstack(attributes, &stack, &size) == 0 && stack != nullptr ? 0 : size;
  }
  pthread_attr_t defaults;
  if (pthread_getattr_default_np(&defaults) != 0) return 0;
  pthread_attr_getstacksize(&defaults, &size);
  pthread_attr_destroy(&defaults);
  return size;
}

}  // namespace
}  // namespace memtrace::runtime

extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*),
    void* argument) noexcept {
  const int error = real.pthread_create(thread, attributes, function, argument);
  if (error != EAGAIN || !make_room(stack_size(attributes))) return error;
  return real.pthread_create(thread, attributes, function, argument);
}
