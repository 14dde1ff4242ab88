// System calls without libc: the runtime must not touch the host's errno, be cancelled in the
// middle, or come back to itself through a wrapper that the host has replaced.
#pragma once

#include <sys/syscall.h>

#include <concepts>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <type_traits>

namespace memtrace::runtime {

inline constexpr long kHighestErrorNumber = 4095;

inline bool is_error(long result) {
  return result < 0 && result >= -kHighestErrorNumber;
}

namespace detail {

template <class Argument>
long as_register(Argument argument) {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else if constexpr (std::is_null_pointer_v<Argument>) {
    return 0;
  } else {
    return static_cast<long>(argument);
  }
}

}  // namespace detail

// The kernel's answer: a negative error number (is_error) or the result. Up to six arguments.
template <class... Arguments>
long system_call(long number, Arguments... arguments) {
  static_assert(sizeof...(Arguments) <= 6);
  const long values[7] = {detail::as_register(arguments)..., 0};
  constexpr std::size_t kCount = sizeof...(Arguments);
  long result = number;
  register long fourth asm("r10") = kCount > 3 ? values[3] : 0;
  register long fifth asm("r8") = kCount > 4 ? values[4] : 0;
  register long sixth asm("r9") = kCount > 5 ? values[5] : 0;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(kCount > 0 ? values[0] : 0), "S"(kCount > 1 ? values[1] : 0),
                 "d"(kCount > 2 ? values[2] : 0), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

// The time, in nanoseconds.
inline constexpr std::int64_t kSecond = 1'000'000'000;
inline constexpr std::int64_t kMillisecond = 1'000'000;

inline std::int64_t clock_nanoseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

inline timespec as_timespec(std::int64_t nanoseconds) {
  return {.tv_sec = nanoseconds / kSecond, .tv_nsec = nanoseconds % kSecond};
}

// Since the Unix epoch.
inline std::int64_t real_time() {
  return clock_nanoseconds(CLOCK_REALTIME);
}
// For deadlines.
inline std::int64_t monotonic_time() {
  return clock_nanoseconds(CLOCK_MONOTONIC);
}
// For intervals; good to some milliseconds, and costs a few nanoseconds.
inline std::int64_t coarse_time() {
  return clock_nanoseconds(CLOCK_MONOTONIC_COARSE);
}

// The calling thread's signal mask, as the kernel has it: libc's functions leave out two signals of
// their own, and may be replaced.
inline constexpr unsigned long kAllSignals = ~0UL;  // all 64

inline unsigned long set_signal_mask(unsigned long mask) {
  constexpr unsigned long kMaskSize = sizeof(mask);
  unsigned long before = 0;
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, kMaskSize);
  return before;
}

// Returns what was blocked before.
inline unsigned long block_all_signals() {
  return set_signal_mask(kAllSignals);
}

}  // namespace memtrace::runtime
