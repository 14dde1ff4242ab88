#include "cli/size_argument.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct Unit {
  std::string_view name;  // in lower case
  double bytes;
};

constexpr std::array kUnits = {
    Unit{"", 1},      Unit{"b", 1},        Unit{"k", 0x1p10},   Unit{"kib", 0x1p10},
    Unit{"m", 0x1p20}, Unit{"mib", 0x1p20}, Unit{"g", 0x1p30},   Unit{"gib", 0x1p30},
    Unit{"t", 0x1p40}, Unit{"tib", 0x1p40}, Unit{"kb", 1e3},     Unit{"mb", 1e6},
    Unit{"gb", 1e9},  Unit{"tb", 1e12},
};

}  // namespace

std::int64_t parse_size(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, number);
  std::string unit;
  for (const char* at = parsed_to; at != end; ++at) {
    const auto character = static_cast<unsigned char>(*at);
    if (std::isspace(character) == 0) unit.push_back(static_cast<char>(std::tolower(character)));
  }
  for (const Unit& known : kUnits) {
    if (error != std::errc() || unit != known.name) continue;
    const double bytes = number * known.bytes;
    if (bytes >= 0 && bytes < 0x1p63) return static_cast<std::int64_t>(bytes);
  }
  throw Error("'" + std::string(text) + "' is no size: write 50KiB, 5M or 1048576");
}

}  // namespace memtrace
