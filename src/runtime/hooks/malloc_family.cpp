// malloc and its relatives, as the program sees them.
#include <cerrno>
#include <cstdlib>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/stack_records.hpp"

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

namespace {

[[gnu::noinline]] void* traced_malloc(std::size_t size) {
  return traced_allocation(size, [=] { return real.malloc(size); });
}

// Where the product overflows, the real one fails.
[[gnu::noinline]] void* traced_calloc(std::size_t count, std::size_t size) {
  return traced_allocation(count * size, [=] { return real.calloc(count, size); });
}

// --- a block that moves ---

// Inside of another hook: what was there is forgotten, what comes counts as nested.
void* move_nested(void* pointer, std::size_t size) {
  on_nested_release(pointer);
  void* const moved = real.realloc(pointer, size);
  return note_nested_allocation(moved);
}

void* move_sampled(void* pointer, std::size_t size) {
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return move_nested(pointer, size);
  const MovingSample moving = begin_sampled_move(*thread, pointer);
  void* const moved = real.realloc(pointer, size);
  if (moved != nullptr || size == 0) {
    end_sampled_move(*thread, moving);
  } else {
    cancel_sampled_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  return moved;
}

// What a block is after it has moved is sampled as if it were new.
[[gnu::always_inline]] inline void* move_sampling(void* pointer, std::size_t size) {
  void* moved = may_be_sampled(pointer)
                    ? move_sampled(pointer, size)
                    : allocate_while_sampling([=] { return real.realloc(pointer, size); });
  if (moved == nullptr && size != 0 && make_room(size)) moved = real.realloc(pointer, size);
  sample_allocation(moved, size);
  return moved;
}

[[gnu::always_inline]] inline void* move(void* pointer, std::size_t size) {
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::off) return real.realloc(pointer, size);
  if (entry == HookEntry::nested) return move_nested(pointer, size);
  if (entry == HookEntry::sampling) return move_sampling(pointer, size);
  const MovingBlock moving = begin_move(*thread, pointer);
  void* moved = real.realloc(pointer, size);
  if (moved == nullptr && size != 0 && make_room(size)) moved = real.realloc(pointer, size);
  count_nested_allocations(*thread, moved);
  if (moved != nullptr) {
    end_move(*thread, moving, moved, size,
             record_of_block(*thread, {caller_registers(), kNativeDomain}));
  } else if (size == 0) {
    end_move_released(*thread, moving);
  } else {
    cancel_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  return moved;
}

[[gnu::always_inline]] inline void* move_or_allocate(void* pointer, std::size_t size) {
  if (pointer != nullptr) return move(pointer, size);
  return traced_allocation(size, [=] { return real.realloc(nullptr, size); });
}

}  // namespace

// Where one block of many is traced, one that cannot be had is asked for again by the hook that can
// make room for it.
MTRACE_EXPORT void* malloc(std::size_t size) {
  const HookMode mode = current_hook_mode();
  if (mode == HookMode::off) return real.malloc(size);
  if (mode != HookMode::exact && passes_untraced(size)) {
    void* const made = real.malloc(size);
    if (made != nullptr) return made;
  }
  return traced_malloc(size);
}

MTRACE_EXPORT void* calloc(std::size_t count, std::size_t size) {
  const HookMode mode = current_hook_mode();
  if (mode == HookMode::off) return real.calloc(count, size);
  if (mode != HookMode::exact && passes_untraced(count * size)) {
    void* const made = real.calloc(count, size);
    if (made != nullptr) return made;
  }
  return traced_calloc(count, size);
}

MTRACE_EXPORT void free(void* pointer) {
  traced_free(pointer);
}

MTRACE_EXPORT void free_sized(void* pointer, std::size_t /*size*/) {
  traced_free(pointer);
}

MTRACE_EXPORT void free_aligned_sized(void* pointer, std::size_t /*alignment*/,
                                      std::size_t /*size*/) {
  traced_free(pointer);
}

// glibc has not declared it since 2.26; old programs may still call it.
MTRACE_EXPORT void cfree(void* pointer) {
  traced_free(pointer);
}

MTRACE_EXPORT int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  int error = 0;
  void* const pointer = traced_allocation(size, [&]() -> void* {
    error = real.posix_memalign(result, alignment, size);
    return error == 0 ? *result : nullptr;
  });
  static_cast<void>(pointer);
  return error;
}

MTRACE_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return traced_allocation(size, [=] { return real.aligned_alloc(alignment, size); });
}

MTRACE_EXPORT void* memalign(std::size_t alignment, std::size_t size) {
  return traced_allocation(size, [=] { return real.memalign(alignment, size); });
}

MTRACE_EXPORT void* valloc(std::size_t size) {
  return traced_allocation(size, [=] { return real.valloc(size); });
}

MTRACE_EXPORT void* pvalloc(std::size_t size) {
  return traced_allocation(size, [=] { return real.pvalloc(size); });
}

// A block's usable size is more than what was asked for and is traced; whoever asks may use it.
MTRACE_EXPORT std::size_t malloc_usable_size(void* pointer) {
  return real.malloc_usable_size(pointer);
}

MTRACE_EXPORT void* realloc(void* pointer, std::size_t size) {
  return move_or_allocate(pointer, size);
}

MTRACE_EXPORT void* reallocarray(void* pointer, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return move_or_allocate(pointer, bytes);
}
