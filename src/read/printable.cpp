#include "read/printable.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace memtrace {

std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string result;
  for (const char byte : text.substr(0, kMost)) {
    if (byte >= ' ' && byte <= '~') {
      result.push_back(byte);
    } else {
      result += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(byte));
    }
  }
  if (text.size() > kMost) result += "...";
  return result;
}

}  // namespace memtrace
