// Durations and signals as people write them; sizes are in base/byte_size.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/byte_size.hpp"

namespace memtrace {

// "90", "90s", "500ms", "0.5s", "5m", "2h", "1d": whole milliseconds, more than none. Throws Error.
std::chrono::milliseconds parse_duration(std::string_view text);

// "USR2", "SIGUSR2", "usr2" or "12": the number of a signal that a program can handle. Throws
// Error.
int parse_signal(std::string_view text);

// For Option::check: throws what `kParse` throws.
template <auto kParse>
void checked_by(std::string_view text) {
  static_cast<void>(kParse(text));
}

}  // namespace memtrace
