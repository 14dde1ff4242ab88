#include "runtime/interpreter/allocator_hooks.hpp"

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {
namespace {

const HookedAllocator& hooked(const void* context) {
  return *static_cast<const HookedAllocator*>(context);
}

// Who allocates.
struct Caller {
  Registers registers;
  bool holds_lock = false;
};

// Of a stack that was not lately seen.
[[gnu::noinline]] RecordId other_record_of(ThreadState& thread, const Caller& caller) {
  const StackKey key{caller.registers, kPythonDomain};
  const RecordId record = interpreter_stacks.record_of(thread, key, caller.holds_lock);
  if (record != kNoRecord) return record;
  return interpreter_stacks.with_machine() ? record_of_machine_stack(thread, key)
                                           : interpreter_stacks.record_without_frames(key.domain);
}

[[gnu::always_inline]] inline RecordId record_of(ThreadState& thread, const Caller& caller) {
  const RecordId recent =
      interpreter_stacks.recent_record(thread, kPythonDomain, caller.holds_lock);
  if (recent != kNoRecord) [[likely]]
    return recent;
  return other_record_of(thread, caller);
}

[[gnu::always_inline]] inline RecordId record_of_object(ThreadState& thread, const Caller& caller) {
  if (local.untraced) [[unlikely]]
    return kOwnRecord;
  return record_of(thread, caller);
}

// The record of the stack that called the hook that this is written in.
[[gnu::always_inline]] inline RecordId record_here(ThreadState& thread, bool holds_lock) {
  return record_of_object(thread, {caller_registers(), holds_lock});
}

constinit void* early_block = nullptr;

void release_untraced(const HookedAllocator& to, void* pointer) {
  if (pointer == early_block) [[unlikely]] {
    early_block = nullptr;
    real.free(pointer);
  } else {
    to.inner.release(to.inner.context, pointer);
  }
}

// What the inner allocator asks malloc for is the same block, or memory for its own needs.
void forget_nested_allocations() {
  local.nested_allocations = 0;
}

RecordSource source_of(const Caller& caller) {
  const auto source = [](ThreadState& of, const void* context) {
    return record_of_object(of, *static_cast<const Caller*>(context));
  };
  return {source, &caller};
}

// What the inner allocator asks malloc for, or another of these hooks, is the same bytes again, or
// its own: hooks of this thread pass it through.
template <class Allocate>
[[gnu::always_inline]] inline void* allocate_inside(Allocate allocate) {
  local.guard = true;
  void* const pointer = allocate();
  local.guard = false;
  return pointer;
}

// Of the few blocks that the distance does not reach over.
[[gnu::noinline]] void sample(void* pointer, std::size_t size, const Caller& caller) {
  local.distance.step -= static_cast<std::int64_t>(size) + (size == 0 ? 1 : 0);
  if (local.distance.step >= 0 || !passes_distance(size)) return;
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return;
  on_distance_passed(*thread, pointer, size, source_of(caller));
  // It becomes an object at once, and then perhaps others.
  local.fresh_block = pointer;
  leave_hook(*thread);
}

// While only some blocks are traced, the others cost a subtraction. The hooks of malloc may take
// the same bytes from the distance meanwhile: it is set to what it is without them.
template <class Allocate>
[[gnu::always_inline]] inline void* sampled(bool holds_lock, std::size_t size, Allocate allocate) {
  if (local.guard) [[unlikely]]
    return allocate();
  const std::int64_t before = local.distance.step;
  const std::int64_t after = before - static_cast<std::int64_t>(size) - (size == 0 ? 1 : 0);
  void* pointer = allocate_inside(allocate);
  if (pointer != nullptr && after >= 0) [[likely]] {
    local.distance.step = after;
    return pointer;
  }
  local.distance.step = before;
  if (pointer == nullptr && make_room(size)) {
    pointer = allocate_inside(allocate);
    local.distance.step = before;
  }
  if (pointer != nullptr) sample(pointer, size, {caller_registers(), holds_lock});
  return pointer;
}

template <class Allocate>
[[gnu::always_inline]] inline void* traced(bool holds_lock, std::size_t size, Allocate allocate) {
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) [[unlikely]]
    return allocate();
  void* pointer = allocate();
  if (pointer == nullptr && make_room(size)) [[unlikely]]
    pointer = allocate();
  forget_nested_allocations();
  if (pointer != nullptr) [[likely]] {
    add_allocation(*thread, pointer, size, record_here(*thread, holds_lock));
    local.fresh_block = pointer;
  }
  leave_hook(*thread);
  return pointer;
}

// What a block is after it has moved is sampled as if it were new.
[[gnu::noinline]] void* resize_sample(const HookedAllocator& to, void* pointer, std::size_t size,
                                      const Registers& caller) {
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) {
    return to.inner.resize(to.inner.context, pointer, size);
  }
  const MovingSample moving = begin_sampled_move(*thread, pointer);
  const SampleDistance distance = local.distance;
  void* const moved = to.inner.resize(to.inner.context, pointer, size);
  local.distance = distance;
  if (moved != nullptr) {
    end_sampled_move(*thread, moving);
  } else {
    cancel_sampled_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  if (moved != nullptr) sample(moved, size, {caller, to.holds_lock});
  return moved;
}

// The hooks, one for each thing that there is to do. Where only some blocks are traced, saving and
// restoring what exact tracing needs would cost more than all that is left to do.

[[gnu::noinline]] void* allocate_traced(void* context, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  return traced(to.holds_lock, size, [&] { return to.inner.allocate(to.inner.context, size); });
}

[[gnu::noinline]] void* allocate_sampled(void* context, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  return sampled(to.holds_lock, size, [&] { return to.inner.allocate(to.inner.context, size); });
}

[[gnu::noinline]] void* resize_traced(void* context, void* pointer, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced)
    return to.inner.resize(to.inner.context, pointer, size);
  const MovingBlock moving = begin_move(*thread, pointer, false);
  void* moved = to.inner.resize(to.inner.context, pointer, size);
  if (moved == nullptr && make_room(size)) [[unlikely]]
    moved = to.inner.resize(to.inner.context, pointer, size);
  forget_nested_allocations();
  if (moved != nullptr) [[likely]] {
    end_move(*thread, moving, moved, size, record_here(*thread, to.holds_lock));
    local.fresh_block = moved;
  } else {
    cancel_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  return moved;
}

[[gnu::noinline]] void* resize_sampled(void* context, void* pointer, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  if (may_be_sampled(pointer)) [[unlikely]]
    return resize_sample(to, pointer, size, caller_registers());
  return sampled(to.holds_lock, size,
                 [&] { return to.inner.resize(to.inner.context, pointer, size); });
}

[[gnu::noinline]] void release_traced(void* context, void* pointer) {
  const HookedAllocator& to = hooked(context);
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return release_untraced(to, pointer);
  const bool is_small = subtract_release(*thread, pointer);
  if (is_small || !interpreter_stacks.retire(to, pointer)) [[likely]] {
    release_untraced(to, pointer);
  }
  leave_hook(*thread);
}

[[gnu::noinline]] void release_sampled(void* context, void* pointer) {
  release_sample(pointer);
  release_untraced(hooked(context), pointer);
}

// Whether a block that is not sampled comes from the interpreter's own pools: nearly always. Its
// bytes are taken from the distance; what the pools take from malloc now and then counts as any
// block.
[[gnu::always_inline]] inline bool passes_pooled(const HookedAllocator& to, std::size_t size) {
  const std::int64_t after = local.distance.step - static_cast<std::int64_t>(size);
  if (size - 1 >= to.pooled || after < 0) [[unlikely]]
    return false;
  local.distance.step = after;
  return true;
}

// What comes from one of the interpreter's free lists, or was allocated before tracing began.
void refer_known(ThreadState& thread, std::uintptr_t block, const Caller& caller,
                 bool may_be_large) {
  if (knows_object(thread, block)) [[likely]] {
    add_reference(thread, block, record_of_object(thread, caller));
  } else if (may_be_large) {
    Block known;
    if (tables.blocks.peek(block, known))
      on_large_reference(thread, block, record_of_object(thread, caller));
  }
}

[[gnu::noinline]] void refer_sampled(std::uintptr_t block, const Caller& caller) {
  ThreadState* thread = nullptr;
  if (!sampled_blocks.may_hold(block) || enter_traced_hook(thread) != HookEntry::traced) return;
  on_sampled_reference(*thread, block, source_of(caller));
  leave_hook(*thread);
}

}  // namespace

namespace {

// In a copy of the process, where nobody has asked yet whether to trace. Where nobody can tell, it
// is not traced.
[[gnu::noinline]] void* allocate_undecided(void* context, std::size_t size) {
  const HookMode mode = other_hook_mode();
  if (mode == HookMode::exact) return allocate_traced(context, size);
  if (mode == HookMode::sampling) return allocate_sampled(context, size);
  const HookedAllocator& to = hooked(context);
  return to.inner.allocate(to.inner.context, size);
}
[[gnu::noinline]] void release_undecided(void* context, void* pointer) {
  const HookMode mode = other_hook_mode();
  if (mode == HookMode::exact) return release_traced(context, pointer);
  if (mode == HookMode::sampling && may_be_sampled(pointer)) {
    return release_sampled(context, pointer);
  }
  release_untraced(hooked(context), pointer);
}

}  // namespace

void* interpreter_allocate(void* context, std::size_t size) {
  const HookMode mode = current_hook_mode();
  if (mode == HookMode::exact) [[likely]]
    return allocate_traced(context, size);
  if (mode == HookMode::unknown) [[unlikely]]
    return allocate_undecided(context, size);
  const HookedAllocator& to = hooked(context);
  if (mode == HookMode::sampling && !passes_pooled(to, size))
    return allocate_sampled(context, size);
  return to.inner.allocate(to.inner.context, size);
}

void* interpreter_allocate_zeroed(void* context, std::size_t count, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  // Where it overflows, the inner one fails.
  const auto allocate = [&] { return to.inner.allocate_zeroed(to.inner.context, count, size); };
  HookMode mode = current_hook_mode();
  if (mode == HookMode::unknown) mode = other_hook_mode();
  if (mode == HookMode::exact) [[likely]]
    return traced(to.holds_lock, count * size, allocate);
  return mode == HookMode::sampling ? sampled(to.holds_lock, count * size, allocate) : allocate();
}

void* interpreter_resize(void* context, void* pointer, std::size_t size) {
  if (pointer == nullptr) return interpreter_allocate(context, size);
  HookMode mode = current_hook_mode();
  if (mode == HookMode::unknown) mode = other_hook_mode();
  if (mode == HookMode::exact) [[likely]]
    return resize_traced(context, pointer, size);
  if (mode == HookMode::sampling) return resize_sampled(context, pointer, size);
  const HookedAllocator& to = hooked(context);
  return to.inner.resize(to.inner.context, pointer, size);
}

void interpreter_release(void* context, void* pointer) {
  if (pointer == nullptr) return;
  const HookMode mode = current_hook_mode();
  if (mode == HookMode::exact) [[likely]]
    return release_traced(context, pointer);
  if (mode == HookMode::unknown) [[unlikely]]
    return release_undecided(context, pointer);
  if (mode == HookMode::sampling && may_be_sampled(pointer))
    return release_sampled(context, pointer);
  release_untraced(hooked(context), pointer);
}

void interpreter_refer(std::uintptr_t block, const Registers& caller, bool may_be_large) {
  if (block == address_of(local.fresh_block)) [[likely]] {
    // Its next life is told of by nobody else.
    local.fresh_block = nullptr;
    return;
  }
  const HookMode mode = current_hook_mode();
  if (mode != HookMode::exact) [[unlikely]] {
    if (mode == HookMode::sampling) refer_sampled(block, {caller, true});
    return;
  }
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return;
  refer_known(*thread, block, {caller, true}, may_be_large);
  leave_hook(*thread);
}

std::ptrdiff_t fresh_block_offset() {
  std::uintptr_t thread_pointer = 0;
  __asm__("mov %%fs:0, %0" : "=r"(thread_pointer));
  return static_cast<std::ptrdiff_t>(address_of(&local.fresh_block) - thread_pointer);
}

void set_early_block(void* block) {
  early_block = block;
}

}  // namespace memtrace::runtime
