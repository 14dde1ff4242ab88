#include "cli/arguments.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct Unit {
  std::string_view name;  // in lower case
  std::int64_t bytes;
};

constexpr std::int64_t kKibi = 1024, kKilo = 1000;

constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"k", kKibi},
    Unit{"kib", kKibi},
    Unit{"m", kKibi* kKibi},
    Unit{"mib", kKibi* kKibi},
    Unit{"g", kKibi* kKibi* kKibi},
    Unit{"gib", kKibi* kKibi* kKibi},
    Unit{"t", kKibi* kKibi* kKibi* kKibi},
    Unit{"tib", kKibi* kKibi* kKibi* kKibi},
    Unit{"kb", kKilo},
    Unit{"mb", kKilo* kKilo},
    Unit{"gb", kKilo* kKilo* kKilo},
    Unit{"tb", kKilo* kKilo* kKilo* kKilo},
};

// What follows the number, in lower case and without spaces; nullopt where that is no unit.
std::optional<std::int64_t> unit_of(std::string_view text) {
  std::string name;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (std::isspace(byte) == 0) name.push_back(static_cast<char>(std::tolower(byte)));
  }
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit.bytes;
  }
  return std::nullopt;
}

// A whole number keeps every digit, which a double would not.
std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t number = 0, bytes = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = unit_of({rest, static_cast<std::size_t>(end - rest)});
  if (error != std::errc() || !unit || number < 0) return std::nullopt;
  if (__builtin_mul_overflow(number, *unit, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<std::int64_t> parse_fraction(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  const auto unit = unit_of({rest, static_cast<std::size_t>(end - rest)});
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
  throw Error("'" + std::string(text) + "' is no size: write 50KiB, 5M or 1048576");
}

}  // namespace memtrace
