// A block that moves.
#include <cerrno>
#include <cstdlib>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {
namespace {

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
}  // namespace memtrace::runtime

extern "C" __attribute__((visibility("default"))) void* realloc(void* pointer, std::size_t size) {
  return memtrace::runtime::move_or_allocate(pointer, size);
}

extern "C" __attribute__((visibility("default"))) void* reallocarray(void* pointer,
                                                                     std::size_t count,
                                                                     std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return nullptr;
  }
  return memtrace::runtime::move_or_allocate(pointer, bytes);
}
