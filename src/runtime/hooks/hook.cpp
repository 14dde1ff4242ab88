#include "runtime/hooks/hook.hpp"

#include "runtime/control/process.hpp"
#include "runtime/counters/traced_total.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

void tick(ThreadState& thread) {
  thread.until_tick = kEventsPerTick;
  const std::int64_t now = coarse_time();
  timeline.tick(now, traced_total.current.load(std::memory_order_relaxed) + thread.traced.delta());
  std::int64_t due = attention_due.load(std::memory_order_relaxed);
  if (now >= due && attention_due.compare_exchange_strong(due, kNever)) {
    attention.store(true, std::memory_order_relaxed);
  }
}

}  // namespace

HookMode other_hook_mode() {
  look_at_process();
  return current_hook_mode();
}

void release_sample(void* pointer) {
  ThreadState* thread = nullptr;
  if (enter_traced_hook(thread) != HookEntry::traced) return;
  on_sampled_release(*thread, pointer);
  leave_hook(*thread);
}

void release_and_free(void* pointer) {
  traced_release(pointer);
  real.free(pointer);
}

ThreadState* attach_in_hook() {
  ThreadState* const thread = attach_thread();
  if (thread == nullptr) {
    give_up_tracing();
    local.guard = false;
  }
  return thread;
}

void leave_hook_slowly(ThreadState& thread) {
  if (thread.until_tick == 0) tick(thread);
  if (thread.deferred.count > 0) subtract_deferred(thread);
  if (thread.shared) return_shared_state(thread);
  if (has_no_memory()) give_up_tracing();
  // Last: it may take a snapshot, and holds nothing then.
  if (attention.load(std::memory_order_relaxed)) attend();
}

void* note_nested_allocation(void* pointer) {
  if (pointer == nullptr) return nullptr;
  local.nested_allocations = local.nested_allocations + 1;
  local.last_nested = pointer;
  return pointer;
}

}  // namespace memtrace::runtime
