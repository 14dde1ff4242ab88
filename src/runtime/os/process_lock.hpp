// A lock that the child of a fork finds free, whoever held it.
#pragma once

#include <linux/futex.h>

#include <atomic>
#include <cstdint>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

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
