// What every hook does first and last.
//
// The guard is set while the tracer or the real function works, so that what they call passes
// through: an allocation in between (a signal handler's) is counted as dropped, unless it is the
// very block that the outer hook returns.
#pragma once

#include <cstddef>

#include "runtime/gate/gate.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

enum class HookEntry : std::uint8_t {
  traced,
  nested,    // inside of another hook
  sampling,  // not entered: most blocks do not matter
  off,       // nothing is traced, or there is no memory for it
};

[[gnu::noinline]] ThreadState* attach_in_hook();
[[gnu::noinline]] void leave_hook_slowly(ThreadState& thread);
// Where hooks are not exact: begins the tracing if the environment wants it and nobody has looked.
[[gnu::noinline]] HookMode other_hook_mode();

// The second half of entering, whatever the mode.
[[gnu::always_inline]] inline HookEntry enter_traced_hook(ThreadState*& thread) {
  if (local.guard) [[unlikely]]
    return HookEntry::nested;
  local.guard = true;
  thread = local.state;
  if (thread != nullptr) [[likely]]
    return HookEntry::traced;
  thread = attach_in_hook();
  return thread == nullptr ? HookEntry::off : HookEntry::traced;
}

// With HookEntry::traced, `thread` is the calling thread's and leave_hook() must follow.
[[gnu::always_inline]] inline HookEntry enter_hook(ThreadState*& thread) {
  HookMode mode = current_hook_mode();
  if (mode != HookMode::exact) [[unlikely]] {
    if (mode == HookMode::unknown) mode = other_hook_mode();
    if (mode == HookMode::sampling) return HookEntry::sampling;
    if (mode == HookMode::off) return HookEntry::off;
  }
  return enter_traced_hook(thread);
}

[[gnu::always_inline]] inline void leave_hook(ThreadState& thread) {
  const bool is_due = --thread.until_tick == 0;
  if (is_due || thread.has_more_to_do() || attention.load(std::memory_order_relaxed)) [[unlikely]] {
    leave_hook_slowly(thread);
  }
  local.guard = false;
}

// An allocation inside of another hook.
void* note_nested_allocation(void* pointer);

// The outer hook's real function has returned `pointer`.
[[gnu::always_inline]] inline void count_nested_allocations(ThreadState& thread, void* pointer) {
  if (local.nested_allocations == 0) [[likely]]
    return;
  thread.losses.dropped_blocks +=
      local.nested_allocations - (local.last_nested == pointer ? 1U : 0U);
  local.nested_allocations = 0;
}

// A block goes that may be sampled.
[[gnu::noinline]] void release_sample(void* pointer);

// Whether a block of `size` bytes does not matter: nothing is traced, or it is not sampled, as most
// are not; then it has passed. A hook that jumps to the real function at once needs no frame, and
// costs nearly nothing.
[[gnu::always_inline]] inline bool passes_untraced(std::size_t size) {
  const HookMode mode = current_hook_mode();
  if (mode == HookMode::exact) [[likely]]
    return false;
  if (mode != HookMode::sampling) return mode == HookMode::off;
  if (real_may_lead_back.load(std::memory_order_relaxed)) [[unlikely]]
    return false;
  const auto bytes = static_cast<std::int64_t>(size) + (size == 0 ? 1 : 0);
  // Nobody is given more than PTRDIFF_MAX: what fails must not move the next sample away.
  if (bytes < 0 || local.distance.step < bytes) return false;
  local.distance.step -= bytes;
  return true;
}

// The block matters if it is longer than what is left until the next sample.
[[gnu::always_inline]] inline void sample_allocation(void* pointer, std::size_t size) {
  if (pointer == nullptr) return;
  local.distance.step -= static_cast<std::int64_t>(size) + (size == 0 ? 1 : 0);
  if (local.distance.step >= 0) [[likely]]
    return;
  if (!passes_distance(size)) return;
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return;
  on_distance_passed(*thread, pointer, size, caller_registers());
  leave_hook(*thread);
}

// What lies behind a hook while it samples, where that may lead to another hook: the bytes are
// taken from the distance once. With the guard set; `allocate` does not throw.
template <class Allocate>
void* allocate_sampled_once(Allocate allocate) {
  const SampleDistance distance = local.distance;
  const std::uint64_t rate = local.sampler_rate;
  local.guard = true;
  void* const pointer = allocate();
  local.guard = false;
  local.nested_allocations = 0;
  // A thread's first distance is drawn by whoever comes first.
  if (local.sampler_rate == rate) local.distance = distance;
  return pointer;
}

// The same for the real functions, of which most do not.
template <class Allocate>
[[gnu::always_inline]] inline void* allocate_while_sampling(Allocate allocate) {
  if (!real_may_lead_back.load(std::memory_order_relaxed)) [[likely]]
    return allocate();
  return allocate_sampled_once(allocate);
}

// The whole of a hook that allocates `size` bytes by calling `allocate`. It must be part of the
// hook, or of a function that the hook ends with a jump to: the caller's registers are looked at.
template <class Allocate>
[[gnu::always_inline]] inline void* traced_allocation(std::size_t size, Allocate allocate) {
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::sampling) {
    // Called by another hook's function, which counts what it returns.
    if (local.guard) return allocate();
    void* sampled = allocate_while_sampling(allocate);
    if (sampled == nullptr && make_room(size)) sampled = allocate_while_sampling(allocate);
    sample_allocation(sampled, size);
    return sampled;
  }
  void* pointer = allocate();
  if (pointer == nullptr && entry != HookEntry::nested && make_room(size)) [[unlikely]]
    pointer = allocate();
  if (entry == HookEntry::traced) [[likely]] {
    count_nested_allocations(*thread, pointer);
    if (pointer != nullptr) on_allocation(*thread, pointer, size, caller_registers());
    leave_hook(*thread);
  } else if (entry == HookEntry::nested) {
    note_nested_allocation(pointer);
  }
  return pointer;
}

[[gnu::always_inline]] inline bool may_be_sampled(const void* pointer) {
  return sampled_blocks.may_hold(reinterpret_cast<std::uintptr_t>(pointer));
}

// The whole of a hook that frees, but for the freeing.
[[gnu::always_inline]] inline void traced_release(void* pointer) {
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::traced) [[likely]] {
    on_release(*thread, pointer);
    leave_hook(*thread);
  } else if (entry == HookEntry::sampling) {
    if (may_be_sampled(pointer)) release_sample(pointer);
  } else if (entry == HookEntry::nested) {
    on_nested_release(pointer);
  }
}

[[gnu::noinline]] void release_and_free(void* pointer);

[[gnu::always_inline]] inline bool is_released_untraced(const void* pointer) {
  const HookMode mode = current_hook_mode();
  return mode == HookMode::sampling ? !may_be_sampled(pointer) : mode == HookMode::off;
}

// The whole of a hook that frees.
[[gnu::always_inline]] inline void traced_free(void* pointer) {
  if (pointer == nullptr) return;
  if (is_released_untraced(pointer)) return real.free(pointer);
  release_and_free(pointer);
}

}  // namespace memtrace::runtime
