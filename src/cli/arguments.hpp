// Durations, signals, labels and numbers as people write them; sizes are in base/byte_size.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/byte_size.hpp"

namespace memtrace {

// "5%", "0.5 %". Throws Error.
double parse_percent(std::string_view text);

// A size, or a percentage of what was there before. Throws Error.
struct Growth {
  std::optional<std::int64_t> size;  // bytes
  std::optional<double> percent;
};
Growth parse_growth(std::string_view text);

// A number of blocks. Throws Error.
std::int64_t parse_count(std::string_view text);

// "90", "90s", "500ms", "0.5s", "5m", "2h", "1d": whole milliseconds, more than none. Throws Error.
std::chrono::milliseconds parse_duration(std::string_view text);

// "USR2", "SIGUSR2", "usr2" or "12": the number of a signal that a program can handle. Throws
// Error.
int parse_signal(std::string_view text);

// "release=1.7.2": a name, which is not empty, and a value. Throws Error.
std::pair<std::string, std::string> parse_label(std::string_view text);
// The same as the tracer is told it: without commas, line ends and percent signs of its own. Throws
// Error for what is too long for it.
std::string encoded_label(std::string_view text);

// There is room for 16 of them. Throws Error.
void check_number_of_labels(std::size_t number);

// Units of work: digits, at most 18. Throws Error.
std::uint64_t parse_work(std::string_view text);

// For Option::check: throws what `kParse` throws.
template <auto kParse>
void checked_by(std::string_view text) {
  static_cast<void>(kParse(text));
}

}  // namespace memtrace
