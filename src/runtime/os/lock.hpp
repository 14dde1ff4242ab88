// Locks that never allocate, for the tracer's slow paths, and the order in which they are taken.
#pragma once

#include <linux/futex.h>

#include <atomic>
#include <cstdint>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

// All locks of the tracer. A thread that holds one takes only those that stand after it; debug
// builds check that. fork() takes all of them, in this order (control/process.cpp).
enum class LockRank : std::uint8_t {
  jobs,                // who takes a snapshot, where no thread of the tracer's own does
  tracing,             // starting and stopping
  interpreter_stacks,  // adding one
  interpreter_codes,
  ending_thread,  // the state that ending threads share
  threads,        // the list of threads, and holding the program
  tracebacks,
  blocks,
  tracked_blocks,
  sampled_blocks,
  sampled_filter,
  mappings,
  shadow_map,
  timeline,
};
// Those that fork() takes.
inline constexpr unsigned kForkLockRanks = 14;

// Not recursive. Whoever may have interrupted the holder (a signal handler) must not wait for it:
// such code asks is_held_here() first, or uses lock_until(), which fails at once then.
class Lock {
 public:
  explicit constexpr Lock(LockRank rank) : rank_(rank) {}

  void lock() {
    check_order();
    const Changing changing(*this);
    std::uint32_t expected = kFree;
    if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) wait();
    set_owner();
  }
  bool try_lock() {
    const Changing changing(*this);
    std::uint32_t expected = kFree;
    if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) return false;
    set_owner();
    return true;
  }
  // false where it is not to be had until then (nanoseconds of CLOCK_MONOTONIC), or where this
  // thread holds it already.
  bool lock_until(std::int64_t deadline);
  void unlock() {
    const Changing changing(*this);
    clear_owner();
    if (state_.exchange(kFree, std::memory_order_release) == kContended) wake_one();
  }
  // By the calling thread; also true where it was interrupted while it took it or gave it back.
  [[nodiscard]] bool is_held_here() const { return is_owned_here() || changing_lock == this; }
  [[nodiscard]] bool is_owned_here() const {
    return (owner_.load(std::memory_order_relaxed) & ~kForFork) == this_thread();
  }
  [[nodiscard]] bool is_held() const { return state_.load(std::memory_order_relaxed) != kFree; }
  // By its holder: taken by fork(), not by what a signal handler that forks has interrupted.
  void mark_for_fork() { owner_.store(this_thread() | kForFork, std::memory_order_relaxed); }
  [[nodiscard]] bool is_marked_for_fork() const {
    return owner_.load(std::memory_order_relaxed) == (this_thread() | kForFork);
  }
  // In the child of a fork, whose other threads are gone.
  void reset() {
    if (is_owned_here()) note_held(false);
    owner_.store(0, std::memory_order_relaxed);
    state_.store(kFree, std::memory_order_relaxed);
  }
  [[nodiscard]] LockRank rank() const { return rank_; }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kContended = 2;
  static constexpr std::uintptr_t kForFork = 1;  // in the owner

  // While the calling thread takes the lock or gives it back: between the lock's two words there is
  // a moment at which a signal handler could not tell.
  class Changing {
   public:
    explicit Changing(const Lock& lock) : before_(changing_lock) { changing_lock = &lock; }
    ~Changing() { changing_lock = before_; }
    Changing(const Changing&) = delete;
    Changing& operator=(const Changing&) = delete;

   private:
    const Lock* before_;
  };

  // Each thread's thread pointer is its own; reading it takes no call.
  static std::uintptr_t this_thread() {
    std::uintptr_t pointer = 0;
    asm("movq %%fs:0, %0" : "=r"(pointer));
    return pointer;
  }
  void set_owner() {
    owner_.store(this_thread(), std::memory_order_relaxed);
    note_held(true);
  }
  void clear_owner() {
    owner_.store(0, std::memory_order_relaxed);
    note_held(false);
  }
#ifdef NDEBUG
  void check_order() const {}
  void note_held(bool /*held*/) const {}
#else
  void check_order() const;
  void note_held(bool held) const;
#endif
  void wait();
  void wake_one();

  static thread_local constinit const Lock* volatile changing_lock
      [[gnu::tls_model("initial-exec")]];

  std::atomic<std::uint32_t> state_{kFree};
  LockRank rank_;
  std::atomic<std::uintptr_t> owner_{0};
};

// Holds a lock for the length of a scope.
class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Locked() { lock_.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Lock& lock_;
};

// A lock that the child of a fork finds free, whoever held it.

// Holds the holder's process: another one's is none. So nothing has to be done at a fork, which
// need not wait for what is slow under such a lock. What the lock guards must be whole at any time,
// or known to be another process'.
class ProcessLock {
 public:
  void lock() {
    const auto own = static_cast<std::uint32_t>(process_id()) << 1;
    std::uint32_t wanted = own;
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while (true) {
      if (seen == kFree || (seen & ~kContended) != own) {
        if (state_.compare_exchange_weak(seen, wanted, std::memory_order_acquire)) return;
        continue;
      }
      wanted = own | kContended;
      if (seen != wanted &&
          !state_.compare_exchange_weak(seen, wanted, std::memory_order_relaxed)) {
        continue;
      }
      system_call(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, wanted, nullptr);
      seen = state_.load(std::memory_order_relaxed);
    }
  }
  void unlock() {
    if ((state_.exchange(kFree, std::memory_order_release) & kContended) != 0) {
      system_call(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1);
    }
  }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kContended = 1;
  std::atomic<std::uint32_t> state_{kFree};
};

class ProcessLocked {
 public:
  explicit ProcessLocked(ProcessLock& lock) : lock_(lock) { lock_.lock(); }
  ~ProcessLocked() { lock_.unlock(); }
  ProcessLocked(const ProcessLocked&) = delete;
  ProcessLocked& operator=(const ProcessLocked&) = delete;

 private:
  ProcessLock& lock_;
};

}  // namespace memtrace::runtime
