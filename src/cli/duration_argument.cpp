#include "cli/duration_argument.hpp"

#include <charconv>
#include <cstdint>
#include <string>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::int64_t kMostSeconds = 1'000'000'000;

// 0 where it is none.
std::int64_t seconds_in(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m" || unit == "min") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  return 0;
}

}  // namespace

std::chrono::seconds parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::int64_t unit = seconds_in({rest, static_cast<std::size_t>(end - rest)});
  if (error != std::errc() || unit == 0 || number < 1 || number > kMostSeconds / unit) {
    throw Error("'" + std::string(text) + "' is no duration: write 90s, 5m or 2h");
  }
  return std::chrono::seconds(number * unit);
}

}  // namespace memtrace
