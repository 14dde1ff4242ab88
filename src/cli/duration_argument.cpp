#include "cli/duration_argument.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                       kDay = 24 * kHour;
constexpr double kMost = 1'000'000'000.0 * kSecond;

constexpr auto kUnits = std::to_array<std::pair<std::string_view, std::int64_t>>({
    {"", kSecond},
    {"ms", 1},
    {"s", kSecond},
    {"sec", kSecond},
    {"m", kMinute},
    {"min", kMinute},
    {"h", kHour},
    {"d", kDay},
});

// 0 where it is none.
std::int64_t milliseconds_in(std::string_view unit) {
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& [name, milliseconds] : kUnits) {
    if (name == unit) return milliseconds;
  }
  return 0;
}

}  // namespace

std::chrono::milliseconds parse_duration(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::int64_t unit = milliseconds_in({rest, static_cast<std::size_t>(end - rest)});
  const double milliseconds = std::round(number * static_cast<double>(unit));
  if (error != std::errc() || !(milliseconds >= 1 && milliseconds <= kMost)) {
    throw Error("'" + std::string(text) + "' is no duration: write 500ms, 90s, 5m or 2h");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

}  // namespace memtrace
