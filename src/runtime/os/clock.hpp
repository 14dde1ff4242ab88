// The time, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace memtrace::runtime {

inline std::int64_t clock_nanoseconds(clockid_t clock) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// Since the Unix epoch.
inline std::int64_t real_time() {
  return clock_nanoseconds(CLOCK_REALTIME);
}
// For intervals; good to some milliseconds, and costs a few nanoseconds.
inline std::int64_t coarse_time() {
  return clock_nanoseconds(CLOCK_MONOTONIC_COARSE);
}

}  // namespace memtrace::runtime
