#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// --- durations ---

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                       kDay = 24 * kHour;
constexpr double kLongest = 1'000'000'000.0 * kSecond;

constexpr auto kTimeUnits = std::to_array<std::pair<std::string_view, std::int64_t>>({
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
  for (const auto& [name, milliseconds] : kTimeUnits) {
    if (name == unit) return milliseconds;
  }
  return 0;
}

// --- signals ---

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char character) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(character)));
  });
  return upper;
}

// 0 where there is none.
int signal_called(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && rest == end) return number > 0 && number < NSIG ? number : 0;
  const std::string upper = upper_case(text);
  const std::string_view name = std::string_view(upper).substr(upper.starts_with("SIG") ? 3 : 0);
  for (int signal = 1; signal < NSIG; ++signal) {
    const char* const known = sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return 0;
}

}  // namespace

double parse_percent(std::string_view text) {
  std::string_view number = text;
  if (number.ends_with('%')) number.remove_suffix(1);
  while (number.ends_with(' ')) number.remove_suffix(1);
  double percent = 0;
  const char* const end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, percent, std::chars_format::fixed);
  if (error != std::errc() || rest != end || !text.ends_with('%') || !(percent >= 0) ||
      !std::isfinite(percent)) {
    throw Error("'" + std::string(text) + "' is an invalid percentage: write 5%");
  }
  return percent;
}

Growth parse_growth(std::string_view text) {
  if (text.ends_with('%')) return {.size = {}, .percent = parse_percent(text)};
  try {
    return {.size = parse_size(text), .percent = {}};
  } catch (const Error&) {
    throw Error("'" + std::string(text) + "' is an invalid growth: write 64KiB, 1048576 or 5%");
  }
}

std::int64_t parse_count(std::string_view text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || rest != end || count < 0) {
    throw Error("'" + std::string(text) + "' is an invalid number of blocks: write 1000");
  }
  return count;
}

std::chrono::milliseconds parse_duration(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const std::int64_t unit = milliseconds_in({rest, static_cast<std::size_t>(end - rest)});
  const double milliseconds = std::round(number * static_cast<double>(unit));
  if (error != std::errc() || !(milliseconds >= 1 && milliseconds <= kLongest)) {
    throw Error("'" + std::string(text) + "' is an invalid duration: write 500ms, 90s, 5m or 2h");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

int parse_signal(std::string_view text) {
  const int signal = signal_called(text);
  if (signal == 0 || signal == SIGKILL || signal == SIGSTOP) {
    throw Error("'" + std::string(text) +
                "' is not a signal that a program can handle: write USR2");
  }
  return signal;
}

std::pair<std::string, std::string> parse_label(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(fmt::format("invalid label: '{}': write NAME=VALUE", text));
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

std::string encoded_label(std::string_view text) {
  constexpr std::size_t kMost = 512;
  static_cast<void>(parse_label(text));
  if (text.size() > kMost) throw Error(fmt::format("a label of more than {} bytes", kMost));
  std::string encoded;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == ',' || byte == '%' || value < 0x20) {
      encoded += fmt::format("%{:02X}", value);
    } else {
      encoded += byte;
    }
  }
  return encoded;
}

void check_number_of_labels(std::size_t number) {
  constexpr std::size_t kMost = 16;
  if (number > kMost) throw Error(fmt::format("more than {} labels", kMost));
}

std::uint64_t parse_work(std::string_view text) {
  constexpr std::size_t kMostDigits = 18;
  std::uint64_t work = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), work);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || text.size() > kMostDigits) {
    throw Error(fmt::format("invalid number of units of work: '{}'", text));
  }
  return work;
}

}  // namespace memtrace
