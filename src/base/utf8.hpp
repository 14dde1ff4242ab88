// Code points of UTF-8 text that may hold anything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace memtrace {

struct CodePoint {
  char32_t value = 0;
  std::uint32_t size = 0;  // bytes
};

// The first code point of a text that is not empty. Lone surrogates in their three-byte form are
// code points like any other. A byte that is no UTF-8 reads as U+DC00 + byte, which is how Python
// ("surrogateescape") names it: so every byte string has one reading, and nothing is refused.
CodePoint first_code_point(std::string_view text);

// Whether it is UTF-8 throughout, in which surrogates may stand as three bytes each, because
// Python's strings may hold them. Overlong forms and code points past U+10FFFF are not.
bool is_utf8(std::string_view text);

// Text of whatever encoding as UTF-8: a byte that is none becomes what first_code_point() says.
std::string as_utf8(std::string_view text);

// Appends the shortest form; surrogates take three bytes.
void append_utf8(std::string& text, char32_t code_point);

constexpr bool is_surrogate(char32_t code_point) {
  return code_point >= 0xD800 && code_point <= 0xDFFF;
}

}  // namespace memtrace
