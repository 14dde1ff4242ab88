#include "runtime/os/process_text.hpp"

#include <algorithm>
#include <cstdint>

namespace memtrace::runtime {
namespace {

constexpr bool is_continuation(char byte) {
  return (byte & 0xC0) == 0x80;
}

// The bytes of the code point that `text` begins with; 0 where that is none.
std::size_t code_point_size(const char* text, std::size_t size) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2   ? 0U
                             : first < 0xE0 ? 2U
                             : first < 0xF0 ? 3U
                             : first < 0xF5 ? 4U
                                            : 0U;
  if (length == 0 || length > size) return 0;
  if (!std::all_of(text + 1, text + length, is_continuation)) return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool too_high = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || too_high ? 0 : length;
}

}  // namespace

std::size_t copy_as_text(std::string_view bytes, char* text) {
  char* const begin = text;
  const char* const end = bytes.data() + bytes.size();
  for (const char* byte = bytes.data(); byte != end;) {
    const std::size_t length = code_point_size(byte, static_cast<std::size_t>(end - byte));
    if (length > 0) {
      text = std::copy_n(byte, length, text);
      byte += length;
      continue;
    }
    // U+DC80 to U+DCFF.
    const auto value = static_cast<std::uint8_t>(*byte++);
    *text++ = '\xED';
    *text++ = static_cast<char>(0xB0 | value >> 6);
    *text++ = static_cast<char>(0x80 | (value & 0x3F));
  }
  return static_cast<std::size_t>(text - begin);
}

}  // namespace memtrace::runtime
