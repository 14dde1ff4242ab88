// The tracer's hooks, but with the allocator in plain sight: they work where malloc is not
// replaced.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "runtime/hooks/hook.hpp"
#include "runtime/naive_model.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {

inline std::array<std::atomic<std::uintptr_t>, kSites> site_addresses;

// The tracer's hooks, but with the allocator in plain sight.
[[gnu::noinline]] inline void trace_allocation(std::size_t site, void* pointer, std::size_t size) {
  const Registers caller = caller_registers();
  site_addresses[site].store(caller.pc, std::memory_order_relaxed);
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return;
  on_allocation(*thread, pointer, size, caller);
  leave_hook(*thread);
}

[[gnu::noinline]] inline void* trace_move(std::size_t site, void* pointer, std::size_t size) {
  const Registers caller = caller_registers();
  site_addresses[site].store(caller.pc, std::memory_order_relaxed);
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return std::realloc(pointer, size);
  const MovingBlock moving = begin_move(*thread, pointer);
  void* const moved = std::realloc(pointer, size);
  end_move(*thread, moving, moved, size, record_of_stack(*thread, {caller, kNativeDomain}));
  leave_hook(*thread);
  return moved;
}

inline void trace_failed_move(void* pointer) {
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return;
  cancel_move(*thread, begin_move(*thread, pointer), pointer);
  leave_hook(*thread);
}

inline void trace_release(void* pointer) {
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return;
  on_release(*thread, pointer);
  leave_hook(*thread);
}

// A signal handler frees while its thread is in a hook.
inline void trace_nested_release(void* pointer) {
  ThreadState* thread = nullptr;
  if (enter_hook(thread) != HookEntry::traced) return;
  on_nested_release(pointer);
  leave_hook(*thread);
}

// Allocates, or moves the block where there is one. Two calls: a site has one address.
template <std::size_t Site>
[[gnu::noinline]] void* at_site(void* pointer, std::size_t size) {
  void* result = pointer;
  if (pointer == nullptr) {
    result = std::malloc(size);
    trace_allocation(Site * 2, result, size);
  } else {
    result = trace_move(Site * 2 + 1, pointer, size);
  }
  asm volatile("" : "+r"(result));
  return result;
}
inline constexpr std::array kCalls = {at_site<0>, at_site<1>, at_site<2>};
static_assert(kSites == kCalls.size() * 2);

}  // namespace memtrace::runtime
