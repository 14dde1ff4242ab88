#include "runtime/os/lock.hpp"

#include <linux/futex.h>

#include <ctime>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

constinit thread_local const Lock* volatile Lock::changing_lock [[gnu::tls_model("initial-exec")]] =
    nullptr;

void Lock::wait() {
  while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
    system_call(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, kContended, nullptr);
  }
}

void Lock::wake_one() {
  system_call(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1);
}

bool Lock::lock_until(std::int64_t deadline) {
  if (is_held_here()) return false;
  const Changing changing(*this);
  std::uint32_t expected = kFree;
  if (!state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) {
    while (state_.exchange(kContended, std::memory_order_acquire) != kFree) {
      const std::int64_t left = deadline - monotonic_time();
      if (left <= 0) return false;
      const timespec duration = as_timespec(left);
      system_call(SYS_futex, &state_, FUTEX_WAIT_PRIVATE, kContended, &duration);
    }
  }
  set_owner();
  return true;
}

#ifndef NDEBUG
namespace {

// By rank. Several of one rank may be held: the shards of a table, around a fork.
constinit thread_local std::uint32_t held [[gnu::tls_model("initial-exec")]] = 0;

}  // namespace

void Lock::check_order() const {
  const unsigned rank = static_cast<unsigned>(rank_);
  if (is_held_here() || held >> (rank + 1) != 0) __builtin_trap();
}

void Lock::note_held(bool is_held) const {
  const std::uint32_t bit = 1U << static_cast<unsigned>(rank_);
  held = is_held ? held | bit : held & ~bit;
}
#endif

}  // namespace memtrace::runtime
