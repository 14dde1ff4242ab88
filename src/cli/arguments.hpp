// Sizes, durations and signals as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace memtrace {

// "50KiB", "5M", "1.5 GiB", "1048576", "10 kB": bytes. A bare letter is binary (K = 1024), as are
// KiB, MiB, GiB, TiB; kB, MB, GB, TB are decimal. Throws Error.
std::int64_t parse_size(std::string_view text);

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
