// The gate in front of everything that changes counters: shut while tracing is off, and while
// somebody needs the whole program to stand still.
//
// A hook announces itself with a plain store and then looks at the gate; whoever shuts the gate
// makes every core execute a barrier (membarrier) and then looks at the announcements. One of the
// two sees the other, and the hook pays neither a lock prefix nor a fence.
#pragma once

#include <atomic>
#include <cstdint>

namespace memtrace::runtime {

// The gate's bits.
inline constexpr std::uint32_t kGateOpen = 0;
inline constexpr std::uint32_t kGateHeld = 1;     // wait until it is let go
inline constexpr std::uint32_t kGateStopped = 2;  // tracing is off
inline constexpr std::uint32_t kGateFenced =
    4;  // the kernel has no membarrier: entries need a fence

alignas(64) extern constinit std::atomic<std::uint32_t> gate;

inline bool is_gate_stopped() {
  return (gate.load(std::memory_order_relaxed) & kGateStopped) != 0;
}

// What a thread shows to whoever shuts the gate.
class Announcement {
 public:
  // Waits while the gate is held. false, and not entered, where tracing is off.
  bool enter() {
    inside_.store(kInside, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (gate.load(std::memory_order_acquire) == kGateOpen) [[likely]]
      return true;
    return enter_slowly();
  }
  // Where the thread may have been interrupted anywhere, and waits for nobody. false, and not
  // entered, where tracing is off.
  bool enter_unless_stopped();
  void leave() { inside_.store(kOutside, std::memory_order_release); }

  [[nodiscard]] bool is_inside() const {
    return inside_.load(std::memory_order_acquire) == kInside;
  }
  // Also where it is parked there.
  [[nodiscard]] bool may_be_inside() const {
    return inside_.load(std::memory_order_acquire) != kOutside;
  }
  // In the child of a fork, for threads that are no more.
  void forget() { inside_.store(kOutside, std::memory_order_relaxed); }

  // By its thread, in a signal handler that may have interrupted the section and now waits for
  // somebody who holds the gate: what it counts stands still meanwhile. Returns what to restore.
  std::uint32_t park() {
    const std::uint32_t was = inside_.load(std::memory_order_relaxed);
    if (was == kInside) inside_.store(kParked, std::memory_order_release);
    return was;
  }
  void unpark(std::uint32_t was) { inside_.store(was, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kOutside = 0;
  static constexpr std::uint32_t kInside = 1;
  static constexpr std::uint32_t kParked = 2;

  [[gnu::noinline, gnu::cold]] bool enter_slowly();

  std::atomic<std::uint32_t> inside_{kOutside};
};

// Asks the kernel for membarrier; without it the gate is fenced. Once, before tracing starts.
void prepare_gate();
// Shuts the gate for all but the calling thread, and opens it. One caller at a time, who then waits
// for each other thread's announcement with wait_until_outside().
void hold_gate();
void release_gate();
// false where the thread does not come out until then (nanoseconds of CLOCK_MONOTONIC): it is
// stopped, or waits in a signal handler.
bool wait_until_outside(const Announcement& announcement, std::int64_t deadline);
// No membarrier any more, from now on: the program may forbid it to itself. Entries cost a fence.
void fence_gate();
void open_gate_for_tracing();
void shut_gate_for_tracing();

// What a hook has to do at all: the first thing that it looks at.

enum class HookMode : std::uint8_t {
  unknown,   // as off, but nobody has asked yet whether to trace
  exact,     // trace every block
  sampling,  // trace some
  off,       // call the real function
};

// Alone in its page, which the kernel empties in a copy of the process, whoever makes it: a hook
// there finds `unknown` before it has touched anything else. Hidden where it is declared: elsewhere
// the compiler would look up the address of what every hook touches in a table, as of a variable
// that another library may define.
struct alignas(4096) HookModePage {
  std::atomic<HookMode> mode{HookMode::unknown};
};
[[gnu::visibility("hidden")]] extern constinit HookModePage hook_mode_page;

inline HookMode current_hook_mode() {
  return hook_mode_page.mode.load(std::memory_order_relaxed);
}
inline void set_hook_mode(HookMode mode) {
  hook_mode_page.mode.store(mode, std::memory_order_release);
}
// Once. An older kernel does not know how: copies that fork() has not made are then not recognised.
void wipe_hook_mode_on_fork();

}  // namespace memtrace::runtime
