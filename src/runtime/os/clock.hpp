// The time, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace memtrace::runtime {

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

}  // namespace memtrace::runtime
