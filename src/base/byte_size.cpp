#include "base/byte_size.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct SizeUnit {
  std::string_view name;  // in lower case
  std::int64_t bytes;
};

constexpr std::int64_t kKibi = 1024, kKilo = 1000;

constexpr std::array kSizeUnits = {
    SizeUnit{"", 1},
    SizeUnit{"b", 1},
    SizeUnit{"k", kKibi},
    SizeUnit{"kib", kKibi},
    SizeUnit{"m", kKibi* kKibi},
    SizeUnit{"mib", kKibi* kKibi},
    SizeUnit{"g", kKibi* kKibi* kKibi},
    SizeUnit{"gib", kKibi* kKibi* kKibi},
    SizeUnit{"t", kKibi* kKibi* kKibi* kKibi},
    SizeUnit{"tib", kKibi* kKibi* kKibi* kKibi},
    SizeUnit{"kb", kKilo},
    SizeUnit{"mb", kKilo* kKilo},
    SizeUnit{"gb", kKilo* kKilo* kKilo},
    SizeUnit{"tb", kKilo* kKilo* kKilo* kKilo},
};

// What follows the number, in lower case and without spaces; nullopt where that is no unit.
std::optional<std::int64_t> bytes_in(std::string_view text) {
  std::string name;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (std::isspace(byte) == 0) name.push_back(static_cast<char>(std::tolower(byte)));
  }
  for (const SizeUnit& unit : kSizeUnits) {
    if (unit.name == name) return unit.bytes;
  }
  return std::nullopt;
}

// A whole number keeps every digit, which a double would not.
std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t number = 0, bytes = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = bytes_in({rest, static_cast<std::size_t>(end - rest)});
  if (error != std::errc() || !unit || number < 0) return std::nullopt;
  if (__builtin_mul_overflow(number, *unit, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<std::int64_t> parse_fraction(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const auto unit = bytes_in({rest, static_cast<std::size_t>(end - rest)});
  if (error != std::errc() || !unit) return std::nullopt;
  const double bytes = number * static_cast<double>(*unit);
  if (!(bytes >= 0 && bytes < 0x1p63)) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

std::int64_t parse_size(std::string_view text) {
  if (const auto bytes = parse_whole(text)) return *bytes;
  if (text.find('.') != std::string_view::npos) {
    if (const auto bytes = parse_fraction(text)) return *bytes;
  }
  throw Error("'" + std::string(text) + "' is an invalid size: write 50KiB, 5M or 1048576");
}

std::string size_text(std::int64_t bytes, bool with_plus) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  const std::string_view sign = with_plus && bytes >= 0 ? "+" : "";
  auto size = static_cast<double>(bytes);
  for (const std::string_view unit : kUnits) {
    const bool is_first = unit == kUnits.front();
    if (!is_first && std::abs(size) < 100) return fmt::format("{}{:.1f} {}", sign, size, unit);
    if (unit == kUnits.back() || std::abs(size) < 10 * 1024) {
      return fmt::format("{}{:.0f} {}", sign, size, unit);
    }
    size /= 1024;
  }
  return {};  // the last unit takes every size
}

}  // namespace memtrace
