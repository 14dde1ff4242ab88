#include "read/surrogate_utf8.hpp"

#include <cstdint>
#include <cstring>

namespace memtrace {
namespace {

// Bytes of the character that starts with `lead`; 0 where none does.
std::size_t character_size(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or an overlong form of ASCII
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

bool is_continuation(char byte) {
  return (static_cast<std::uint8_t>(byte) & 0xC0) == 0x80;
}

bool is_character(std::string_view character) {
  for (const char byte : character.substr(1)) {
    if (!is_continuation(byte)) return false;
  }
  const auto lead = static_cast<std::uint8_t>(character[0]);
  const auto second = character.size() > 1 ? static_cast<std::uint8_t>(character[1]) : 0;
  if (lead == 0xE0) return second >= 0xA0;  // less is overlong
  if (lead == 0xF0) return second >= 0x90;  // the same
  if (lead == 0xF4) return second < 0x90;   // more is past U+10FFFF
  return true;
}

// Eight bytes at a time: nearly all file names are nothing else.
std::size_t leading_ascii(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t block = 0;
    std::memcpy(&block, text.data() + at, 8);
    if ((block & kHighBits) != 0) break;
  }
  return at;
}

}  // namespace

bool is_surrogate_utf8(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(leading_ascii(text));
    if (text.empty()) break;
    const std::size_t size = character_size(static_cast<std::uint8_t>(text[0]));
    if (size == 0 || size > text.size() || !is_character(text.substr(0, size))) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace memtrace
