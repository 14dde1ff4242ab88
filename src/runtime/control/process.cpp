#include "runtime/control/process.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "runtime/blocks/mapping_table.hpp"
#include "runtime/control/control.hpp"
#include "runtime/control/service.hpp"
#include "runtime/counters/traced_total.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/stack_records.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

constinit std::atomic<int> process{0};

}  // namespace

bool is_traced_process() {
  const int number = traced_process();
  return number != 0 && number == process_id();
}

void set_traced_process(bool traced) {
  process.store(traced ? process_id() : 0, std::memory_order_relaxed);
}

int traced_process() {
  return process.load(std::memory_order_relaxed);
}

namespace {

// All locks there are, in the order of LockRank. hold() stands where the other threads are stopped:
// whoever is in a counter section may want the locks that come after.
template <class Visit, class Hold>
void visit_locks(Visit&& visit, Hold&& hold) {
  visit(job_lock());
  visit(tracer.lock);
  interpreter_stacks.for_each_lock(visit);
  visit(ending_thread_lock());
  visit(threads_lock());
  hold();
  visit(tables.tracebacks.lock());
  tables.blocks.for_each_lock(visit);
  tables.tracked.for_each_lock(visit);
  sampled_blocks.for_each_lock(visit);
  visit(mapping_table.lock());
  visit(tables.shadow.lock());
  visit(timeline.lock());
}

// Of the thread that forks. There is one at a time, but for those that come in a signal handler in
// the middle of the tracer's work, or that found a lock in the hands of a thread that stands still.
struct Fork {
  unsigned long mask = 0;
  bool was_guarded = false;
  bool is_whole = false;  // all locks are held, all other threads are outside
  bool holds_gate = false;
  HookMode mode = HookMode::off;
};
constinit thread_local Fork present_fork [[gnu::tls_model("initial-exec")]];

// No signal comes from here until the end: a handler that frees, or forks, would want the locks.
// What a handler that forks has interrupted may hold some of them: those stay in its hands, here
// and in the child. What others do not give back in time stays with them, and the child, which
// does not have them, is not traced.
void before_fork() {
  constexpr std::int64_t kPatience = 500 * kMillisecond;
  const std::int64_t deadline = monotonic_time() + kPatience;
  Fork fork{.mask = block_all_signals(),
            .was_guarded = local.guard,
            .is_whole = true,
            .mode = current_hook_mode()};
  local.guard = true;
  unsigned ranks = 0;
  visit_locks(
      [&](Lock& lock) {
        ranks |= 1U << static_cast<unsigned>(lock.rank());
        if (!fork.is_whole || lock.is_held_here()) return;
        if (lock.lock_until(deadline)) {
          lock.mark_for_fork();
        } else {
          fork.is_whole = false;
        }
      },
      [&] {
        if (!fork.is_whole) return;
        fork.holds_gate = true;
        fork.is_whole = hold_others_for_fork(deadline);
      });
#ifndef NDEBUG
  if (ranks != (1U << kForkLockRanks) - 1) __builtin_trap();
#endif
  present_fork = fork;
}

void in_parent() {
  const Fork fork = present_fork;
  visit_locks(
      [](Lock& lock) {
        if (lock.is_marked_for_fork()) lock.unlock();
      },
      [&] {
        if (fork.holds_gate) release_others_in_parent();
      });
  local.guard = fork.was_guarded;
  set_signal_mask(fork.mask);
}

void in_child() {
  const Fork fork = present_fork;
  set_hook_mode(fork.mode);
  visit_locks(
      [](Lock& lock) {
        if (lock.is_marked_for_fork() || !lock.is_owned_here()) lock.reset();
      },
      [] { release_others_in_child(); });
  // An earlier handler may have allocated, and found out.
  if (!is_traced_process()) child_after_fork(fork.is_whole);
  local.guard = fork.was_guarded;
  set_signal_mask(fork.mask);
}

}  // namespace

void watch_forks() {
  pthread_atfork(before_fork, in_parent, in_child);
  wipe_hook_mode_on_fork();
}

void meet_copied_process() {
  const unsigned long mask = block_all_signals();
  local.guard = true;
  // Where nobody was in the middle of anything, its copy is as good as that of a fork.
  bool is_whole = true;
  visit_locks([&](const Lock& lock) { is_whole = is_whole && !lock.is_held(); },
              [&] { is_whole = is_whole && are_others_outside(); });
  visit_locks([](Lock& lock) { lock.reset(); }, [] { release_others_in_child(); });
  set_hook_mode(is_whole ? mode_of_tracing() : HookMode::off);
  child_after_fork(is_whole);
  local.guard = false;
  set_signal_mask(mask);
}

namespace {

constinit std::atomic<bool> has_begun{false};

}  // namespace

void start_runtime() {
  // libc's initialisation sets it.
  if (environ == nullptr || has_begun.exchange(true, std::memory_order_acq_rel)) return;
  set_hook_mode(HookMode::off);
  watch_forks();
  start_from_environment();
}

void look_at_process() {
  if (!has_begun.load(std::memory_order_acquire)) return start_runtime();
  if (traced_process() != 0 && !is_traced_process()) return meet_copied_process();
  // Another thread is starting it, or this is a copy of a process that is not traced.
  HookMode unknown = HookMode::unknown;
  if (traced_process() == 0) hook_mode_page.mode.compare_exchange_strong(unknown, HookMode::off);
}

}  // namespace memtrace::runtime
