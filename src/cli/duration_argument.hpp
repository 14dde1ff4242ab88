// Durations as people write them.
#pragma once

#include <chrono>
#include <string_view>

namespace memtrace {

// "90", "90s", "500ms", "0.5s", "5m", "2h", "1d": whole milliseconds, more than none. Throws Error.
std::chrono::milliseconds parse_duration(std::string_view text);

}  // namespace memtrace
