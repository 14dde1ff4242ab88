#include "runtime/gate/gate.hpp"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sys/mman.h>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// The thread that holds the gate may pass it: fork handlers of others allocate while ours hold it.
constinit std::atomic<std::int64_t> holder{0};

std::int64_t this_thread_id() {
  return system_call(SYS_gettid);
}

void barrier_everywhere() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if ((gate.load(std::memory_order_relaxed) & kGateFenced) == 0) {
    system_call(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  }
}

// A locked instruction on a word of one's own: a full barrier, and one that ThreadSanitizer knows.
void full_barrier() {
  std::atomic<std::uint32_t> word{0};
  word.fetch_add(1, std::memory_order_seq_cst);
}

void sleep_a_little() {
  const long duration[2] = {0, 20'000};  // seconds, nanoseconds
  system_call(SYS_nanosleep, duration, nullptr);
}

}  // namespace

alignas(64) constinit std::atomic<std::uint32_t> gate{kGateStopped};
constinit HookModePage hook_mode_page;

void wipe_hook_mode_on_fork() {
  system_call(SYS_madvise, &hook_mode_page, sizeof(hook_mode_page), MADV_WIPEONFORK);
}

bool Announcement::enter_slowly() {
  while (true) {
    full_barrier();
    const std::uint32_t state = gate.load(std::memory_order_acquire);
    if ((state & kGateStopped) != 0) {
      leave();
      return false;
    }
    if ((state & kGateHeld) == 0) return true;
    if (holder.load(std::memory_order_relaxed) == this_thread_id()) return true;
    leave();
    system_call(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, state, nullptr);
    inside_.store(kInside, std::memory_order_relaxed);
  }
}

bool Announcement::enter_unless_stopped() {
  inside_.store(kInside, std::memory_order_relaxed);
  full_barrier();
  if ((gate.load(std::memory_order_acquire) & kGateStopped) == 0) return true;
  leave();
  return false;
}

void prepare_gate() {
  const long registered =
      system_call(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  if (is_error(registered)) fence_gate();
}

void hold_gate() {
  holder.store(this_thread_id(), std::memory_order_relaxed);
  gate.fetch_or(kGateHeld, std::memory_order_seq_cst);
  barrier_everywhere();
}

void release_gate() {
  holder.store(0, std::memory_order_relaxed);
  gate.fetch_and(~kGateHeld, std::memory_order_seq_cst);
  system_call(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT32_MAX);
}

bool wait_until_outside(const Announcement& announcement, std::int64_t deadline) {
  constexpr int kSpins = 100;
  for (int spin = 0; announcement.is_inside(); ++spin) {
    if (spin < kSpins) {
      __builtin_ia32_pause();
    } else {
      if (monotonic_time() > deadline) return false;
      sleep_a_little();
    }
  }
  return true;
}

void fence_gate() {
  gate.fetch_or(kGateFenced, std::memory_order_seq_cst);
}

void open_gate_for_tracing() {
  gate.fetch_and(~kGateStopped, std::memory_order_seq_cst);
}
void shut_gate_for_tracing() {
  gate.fetch_or(kGateStopped, std::memory_order_seq_cst);
}

}  // namespace memtrace::runtime
