#include "runtime/interpreter/allocator_hooks.hpp"

#include "runtime/hooks/hook.hpp"
#include "runtime/hooks/real_functions.hpp"
#include "runtime/tracer/interpreter_stacks.hpp"

namespace memtrace::runtime {
namespace {

const HookedAllocator& hooked(const void* context) {
  return *static_cast<const HookedAllocator*>(context);
}

RecordId record_here(ThreadState& thread, bool holds_lock) {
  const RecordId record = interpreter_stacks.record_of(thread, kPythonDomain, holds_lock);
  return record != kNoRecord ? record : interpreter_stacks.record_without_frames(kPythonDomain);
}

constinit void* early_block = nullptr;

void release_untraced(const HookedAllocator& to, void* pointer) {
  if (pointer != nullptr && pointer == early_block) [[unlikely]] {
    early_block = nullptr;
    real_free(pointer);
  } else {
    to.inner.release(to.inner.context, pointer);
  }
}

// What the inner allocator asks malloc for is the same block, or memory for its own needs.
void forget_nested_allocations() {
  local.nested_allocations = 0;
}

template <class Allocate>
[[gnu::always_inline]] inline void* traced(bool holds_lock, std::size_t size, Allocate allocate) {
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return allocate();
  void* const pointer = allocate();
  forget_nested_allocations();
  if (pointer != nullptr && !local.untraced) [[likely]] {
    on_interpreter_allocation(*thread, pointer, size, record_here(*thread, holds_lock));
  }
  leave_hook(*thread);
  return pointer;
}

}  // namespace

void* interpreter_allocate(void* context, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  return traced(to.holds_lock, size, [&] { return to.inner.allocate(to.inner.context, size); });
}

void* interpreter_allocate_zeroed(void* context, std::size_t count, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  // Where it overflows, the inner one fails.
  return traced(to.holds_lock, count * size,
                [&] { return to.inner.allocate_zeroed(to.inner.context, count, size); });
}

void* interpreter_resize(void* context, void* pointer, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  if (pointer == nullptr) return interpreter_allocate(context, size);
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) {
    return to.inner.resize(to.inner.context, pointer, size);
  }
  const MovingBlock moving = begin_move(*thread, pointer, false);
  void* const moved = to.inner.resize(to.inner.context, pointer, size);
  forget_nested_allocations();
  if (moved != nullptr && local.untraced) {
    end_move_released(*thread, moving);
  } else if (moved != nullptr) [[likely]] {
    end_move(*thread, moving, moved, size, record_here(*thread, to.holds_lock));
  } else {
    cancel_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  return moved;
}

void interpreter_release(void* context, void* pointer) {
  const HookedAllocator& to = hooked(context);
  ThreadState* thread = nullptr;
  if (pointer == nullptr || enter_hook(thread) != HookEntry::traced) {
    return release_untraced(to, pointer);
  }
  const bool is_small = on_interpreter_release(*thread, pointer);
  if (is_small || !interpreter_stacks.retire(to, pointer)) [[likely]] {
    release_untraced(to, pointer);
  }
  leave_hook(*thread);
}

void set_early_block(void* block) {
  early_block = block;
}

}  // namespace memtrace::runtime
