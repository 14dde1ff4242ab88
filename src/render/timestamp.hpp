// Moments as text.
#pragma once

#include <cstdint>
#include <string>

namespace memtrace {

// A moment in nanoseconds since the Unix epoch, cut to the second: "2026-11-20T23:16:36Z".
std::string rfc3339(std::int64_t nanoseconds);
// For people: "2026-11-20 23:16:36 UTC".
std::string utc_time(std::int64_t nanoseconds);
// "850 ms", "42.1 s", "3 min 20 s", "2 h 5 min", "12 d 3 h".
std::string duration(std::int64_t nanoseconds);

}  // namespace memtrace
