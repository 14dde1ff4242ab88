#include "runtime/interpreter/allocator_hooks.hpp"

#include <limits>

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

// While only some blocks are traced, malloc's hooks must not count the same bytes again.
class InnerAllocator {
 public:
  InnerAllocator() : was_guarded_(local.guard), distance_(local.distance) {
    local.guard = true;
    local.distance.step = std::numeric_limits<std::int64_t>::max() / 2;
  }
  ~InnerAllocator() {
    local.distance = distance_;
    local.guard = was_guarded_;
    forget_nested_allocations();
  }
  InnerAllocator(const InnerAllocator&) = delete;
  InnerAllocator& operator=(const InnerAllocator&) = delete;

 private:
  bool was_guarded_;
  SampleDistance distance_;
};

RecordSource source_of(const Caller& caller) {
  const auto source = [](ThreadState& of, const void* context) {
    return record_of(of, *static_cast<const Caller*>(context));
  };
  return {source, &caller};
}

void sample(void* pointer, std::size_t size, const Caller& caller) {
  local.distance.step -= static_cast<std::int64_t>(size) + (size == 0 ? 1 : 0);
  if (local.distance.step >= 0 || pointer == nullptr || local.untraced) [[likely]]
    return;
  if (!passes_distance(size)) return;
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return;
  on_distance_passed(*thread, pointer, size, source_of(caller));
  leave_hook(*thread);
}

template <class Allocate>
[[gnu::noinline]] void* sampled(const Caller& caller, std::size_t size, Allocate allocate) {
  void* pointer = nullptr;
  {
    const InnerAllocator inner;
    pointer = allocate();
    if (pointer == nullptr && make_room(size)) pointer = allocate();
  }
  sample(pointer, size, caller);
  return pointer;
}

template <class Allocate>
[[gnu::always_inline]] inline void* traced(bool holds_lock, std::size_t size, Allocate allocate) {
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry != HookEntry::traced) [[unlikely]] {
    return entry == HookEntry::sampling ? sampled({caller_registers(), holds_lock}, size, allocate)
                                        : allocate();
  }
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

[[gnu::always_inline]] inline void* allocate_traced(void* context, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  return traced(to.holds_lock, size, [&] { return to.inner.allocate(to.inner.context, size); });
}

// What a block is after it has moved is sampled as if it were new.
void* resize_sampled(const HookedAllocator& to, void* pointer, std::size_t size,
                     const Registers& caller) {
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) {
    return to.inner.resize(to.inner.context, pointer, size);
  }
  const MovingSample moving = begin_sampled_move(*thread, pointer);
  void* moved = nullptr;
  {
    const InnerAllocator inner;
    moved = to.inner.resize(to.inner.context, pointer, size);
  }
  if (moved != nullptr) {
    end_sampled_move(*thread, moving);
  } else {
    cancel_sampled_move(*thread, moving, pointer);
  }
  leave_hook(*thread);
  sample(moved, size, {caller, to.holds_lock});
  return moved;
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

void* interpreter_allocate(void* context, std::size_t size) {
  return allocate_traced(context, size);
}

void* interpreter_allocate_zeroed(void* context, std::size_t count, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  // Where it overflows, the inner one fails.
  return traced(to.holds_lock, count * size,
                [&] { return to.inner.allocate_zeroed(to.inner.context, count, size); });
}

void* interpreter_resize(void* context, void* pointer, std::size_t size) {
  const HookedAllocator& to = hooked(context);
  if (pointer == nullptr) return allocate_traced(context, size);
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::sampling) return resize_sampled(to, pointer, size, caller_registers());
  if (entry != HookEntry::traced) return to.inner.resize(to.inner.context, pointer, size);
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

void interpreter_release(void* context, void* pointer) {
  const HookedAllocator& to = hooked(context);
  ThreadState* thread = nullptr;
  if (pointer == nullptr) return;
  const HookEntry entry = enter_hook(thread);
  if (entry != HookEntry::traced) [[unlikely]] {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    if (entry == HookEntry::sampling && sampled_blocks.may_hold(address)) release_sample(pointer);
    return release_untraced(to, pointer);
  }
  const bool is_small = subtract_release(*thread, pointer);
  if (is_small || !interpreter_stacks.retire(to, pointer)) [[likely]] {
    release_untraced(to, pointer);
  }
  leave_hook(*thread);
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
