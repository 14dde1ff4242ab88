// Durations as people write them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace memtrace {

// "90", "90s", "5m", "2h", "1d": whole seconds, more than none. Throws Error.
std::chrono::seconds parse_duration(std::string_view text);
// Of an option: what is wrong with it, or nothing.
std::string check_duration(const std::string& text);

}  // namespace memtrace
