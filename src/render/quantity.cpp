#include "render/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace memtrace {
namespace {

__extension__ typedef unsigned __int128 Uint128;

constexpr std::int64_t kExactInDouble = std::int64_t{1} << 53;

// The quotient is first computed to at least 64 bits with everything behind them kept as one
// sticky bit, so that the only rounding is the last one, to a double's 53 bits. Both are positive.
double divided_exactly(std::uint64_t dividend, std::uint64_t divisor) {
  int exponent = 0;
  Uint128 scaled = dividend;
  while ((scaled >> 126) == 0) {
    scaled <<= 1;
    --exponent;
  }
  Uint128 quotient = scaled / divisor;
  bool sticky = scaled % divisor != 0;
  while ((quotient >> 64) != 0) {
    sticky = sticky || (quotient & 1) != 0;
    quotient >>= 1;
    ++exponent;
  }
  const auto mantissa = static_cast<std::uint64_t>(quotient) | (sticky ? 1U : 0U);
  return std::ldexp(static_cast<double>(mantissa), exponent);
}

std::string with_sign(double value, int digits, Sign sign) {
  return sign == Sign::always ? fmt::format("{:+.{}f}", value, digits)
                              : fmt::format("{:.{}f}", value, digits);
}

std::string with_commas(std::string digits) {
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::uint64_t magnitude(std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  return number < 0 ? 0 - bits : bits;
}

// What stands before the digits of a number's magnitude.
std::string_view sign_of(std::int64_t number, Sign sign) {
  if (number < 0) return "-";
  return sign == Sign::always ? "+" : "";
}

std::string human_magnitude(std::uint64_t size) {
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (size < 1024) return fmt::format("{} B", size);
  double value = static_cast<double>(size) / 1024;
  std::size_t unit = 0;
  // 1023.95 would be printed as "1024.0", which is one of the next unit.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

struct Moment {
  std::string date, time;
};

// 64 bits of nanoseconds reach from 1677 to 2262, so a year always has four digits.
Moment moment_of(std::int64_t nanoseconds) {
  using std::chrono::days;
  using std::chrono::seconds;
  const std::chrono::sys_time<std::chrono::nanoseconds> exact{
      std::chrono::nanoseconds(nanoseconds)};
  const auto second = std::chrono::floor<seconds>(exact);
  const auto day = std::chrono::floor<days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  return {fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())),
          fmt::format("{:02}:{:02}:{:02}", time.hours().count(), time.minutes().count(),
                      time.seconds().count())};
}

}  // namespace

double average_of(Amount amount) {
  if (amount.count == 0 || amount.size == 0) return 0;
  if (amount.size <= kExactInDouble && amount.count <= kExactInDouble) {
    return static_cast<double>(amount.size) / static_cast<double>(amount.count);
  }
  return divided_exactly(static_cast<std::uint64_t>(amount.size),
                         static_cast<std::uint64_t>(amount.count));
}

std::int64_t rounded_average_of(Amount amount) {
  if (amount.count == 0) return 0;
  const std::int64_t remainder = amount.size % amount.count;
  const bool up = remainder != 0 && remainder >= amount.count - remainder;
  return amount.size / amount.count + (up ? 1 : 0);
}

// Dividing an integer below 2^63 by 1024 as a double rounds once, as Python's division does:
// the conversion rounds, and the power of two only moves the exponent.
std::string tracemalloc_size(std::int64_t size, Sign sign) {
  return tracemalloc_size(static_cast<double>(size), sign);
}

std::string tracemalloc_size(double size, Sign sign) {
  if (std::abs(size) < 10 * 1024) return with_sign(size, 0, sign) + " B";
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  for (const std::string_view unit : kUnits) {
    size /= 1024;
    const bool last = unit == kUnits.back();
    if (std::abs(size) < 100) return fmt::format("{} {}", with_sign(size, 1, sign), unit);
    if (std::abs(size) < 10 * 1024 || last) {
      return fmt::format("{} {}", with_sign(size, 0, sign), unit);
    }
  }
  return {};  // the loop ends with the last unit
}

std::string human_size(std::int64_t size, const Style& style, Sign sign) {
  const std::uint64_t bytes = magnitude(size);
  return fmt::format("{}{}", sign_of(size, sign),
                     style.plain_bytes ? fmt::format("{}", bytes) : human_magnitude(bytes));
}

std::string human_size(std::uint64_t size, const Style& style) {
  return style.plain_bytes ? fmt::format("{}", size) : human_magnitude(size);
}

std::string exact_size(std::uint64_t size, const Style& style) {
  if (style.plain_bytes) return fmt::format("{} bytes", size);
  if (size < 1024) return counted(size, "byte", "bytes");
  return fmt::format("{} ({} bytes)", human_size(size, style), grouped_digits(size));
}

std::string grouped_digits(std::int64_t number, Sign sign) {
  return fmt::format("{}{}", sign_of(number, sign), grouped_digits(magnitude(number)));
}

std::string grouped_digits(std::uint64_t number) {
  return with_commas(fmt::format("{}", number));
}

std::string counted(std::uint64_t number, std::string_view singular, std::string_view plural) {
  return fmt::format("{} {}", grouped_digits(number), number == 1 ? singular : plural);
}

std::string percent_of(std::int64_t part, std::int64_t whole) {
  return percent_words(share_of(part, whole));
}

std::string percent_words(double percent) {
  return fmt::format("{:.1f}%", percent);
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent_change(std::int64_t before, std::int64_t after) {
  if (before == 0) return {};
  const double change = static_cast<double>(after - before) / static_cast<double>(before);
  return fmt::format("{:+.1f}%", 100 * change);
}

std::string rfc3339(std::int64_t nanoseconds) {
  const Moment moment = moment_of(nanoseconds);
  return fmt::format("{}T{}Z", moment.date, moment.time);
}

std::string utc_time(std::int64_t nanoseconds) {
  const Moment moment = moment_of(nanoseconds);
  return fmt::format("{} {} UTC", moment.date, moment.time);
}

std::string duration(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / kNanosecondsPerSecond;
  if (seconds < 1) return fmt::format("{} ms", nanoseconds / 1'000'000);
  if (seconds < 60) {
    const std::int64_t tenths = nanoseconds / 100'000'000;
    return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const std::int64_t minutes = seconds / 60, hours = minutes / 60;
  if (minutes < 60) return fmt::format("{} min {} s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

std::string_view bar_of(double part) {
  static constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  return kBars[static_cast<std::size_t>(std::lround(part * (kBars.size() - 1)))];
}

namespace {

std::size_t steps_of(double part, std::size_t most) {
  if (!(part > 0)) return 0;
  const double exact = std::min(part, 1.0) * static_cast<double>(most);
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(exact)));
}

}  // namespace

std::string part_bar(double part, std::size_t width) {
  static constexpr std::array<std::string_view, 8> kEighths = {"",  "▏", "▎", "▍",
                                                               "▌", "▋", "▊", "▉"};
  const std::size_t eighths = steps_of(part, 8 * width);
  std::string bar;
  for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
  return bar += kEighths[eighths % 8];
}

std::string shaded_bar(double part, std::size_t width) {
  std::string bar;
  for (std::size_t i = steps_of(part, width); i > 0; --i) bar += "░";
  return bar;
}

}  // namespace memtrace
