#include "base/utf8.hpp"

#include <cstring>

namespace memtrace {
namespace {

// The sizes and smallest values of multi-byte forms, by their first byte.
struct Form {
  std::uint32_t size;
  char32_t first_bits, smallest;
};

Form form_of(std::uint8_t first) {
  if (first >= 0xC0 && first < 0xE0) return {2, first & 0x1FU, 0x80};
  if (first >= 0xE0 && first < 0xF0) return {3, first & 0x0FU, 0x800};
  if (first >= 0xF0 && first < 0xF8) return {4, first & 0x07U, 0x10000};
  return {0, 0, 0};
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

CodePoint first_code_point(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return {first, 1};
  const CodePoint undecodable{char32_t{0xDC00} + first, 1};
  const Form form = form_of(first);
  if (form.size == 0 || text.size() < form.size) return undecodable;
  char32_t value = form.first_bits;
  for (std::uint32_t i = 1; i < form.size; ++i) {
    const auto next = static_cast<std::uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return undecodable;
    value = value << 6 | (next & 0x3FU);
  }
  if (value < form.smallest || value > 0x10FFFF) return undecodable;
  return {value, form.size};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    text.remove_prefix(leading_ascii(text));
    if (text.empty()) break;
    const CodePoint next = first_code_point(text);
    if (next.size == 1 && next.value >= 0x80) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    append_utf8(result, next.value);
    text.remove_prefix(next.size);
  }
  return result;
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto tail = [&](unsigned shift) {
    text.push_back(static_cast<char>(0x80 | (code_point >> shift & 0x3F)));
  };
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text.push_back(static_cast<char>(0xC0 | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | code_point >> 12));
    tail(6);
    tail(0);
  } else {
    text.push_back(static_cast<char>(0xF0 | code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace memtrace
