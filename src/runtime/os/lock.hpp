// A lock that never allocates, for the tracer's slow paths.
#pragma once

#include <linux/futex.h>

#include <atomic>
#include <cstdint>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

// Not recursive. The holder must not be interrupted by a signal handler that wants the same lock:
// hooks that find themselves inside a hook leave before they lock anything.
class Lock {
 public:
  void lock() {
    std::uint32_t expected = kFree;
    if (state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) return;
    while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
      system_call(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, kContended, nullptr);
    }
  }
  bool try_lock() {
    std::uint32_t expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kContended) {
      system_call(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1);
    }
  }
  // In the child of a fork, whose other threads are gone.
  void reset() { state_.store(kFree, std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kHeld = 1;
  static constexpr std::uint32_t kContended = 2;
  std::atomic<std::uint32_t> state_{kFree};
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

}  // namespace memtrace::runtime
