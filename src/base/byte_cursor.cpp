#include "base/byte_cursor.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace memtrace {
namespace {

constexpr std::ptrdiff_t kWord = 8;
constexpr std::ptrdiff_t kLongest = 10;  // bytes of a number of 64 bits
constexpr std::uint64_t kHighBits = 0x8080808080808080;

// The next eight bytes, the first one lowest.
std::uint64_t word_at(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, kWord);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

bool is_eight_numbers(const std::uint8_t* at) {
  return (word_at(at) & kHighBits) == 0;
}

// Closes the gaps that every byte's high bit leaves: eight groups of seven bits become one number.
// Three steps of pairs, with no branch for a length that nobody can predict.
std::uint64_t joined_groups(std::uint64_t groups) {
  groups = (groups & 0x007F007F007F007F) | (groups & 0x7F007F007F007F00) >> 1;
  groups = (groups & 0x00003FFF00003FFF) | (groups & 0x3FFF00003FFF0000) >> 2;
  return (groups & 0x000000000FFFFFFF) | (groups & 0x0FFFFFFF00000000) >> 4;
}

// The first number of a word in which the high bits of `ends` end numbers, and its bytes.
std::uint64_t first_number(std::uint64_t word, std::uint64_t ends) {
  return joined_groups(word & (ends ^ (ends - 1)) & ~kHighBits);
}
std::ptrdiff_t size_of_first(std::uint64_t ends) {
  return (std::countr_zero(ends) + 1) / 8;
}

// Decodes eight numbers, or those in front of the first one that has more than eight bytes.
std::ptrdiff_t next_short_numbers(const std::uint8_t*& from, std::uint64_t* values) {
  const std::uint8_t* at = from;  // in a register: what is written to `values` cannot change it
  std::ptrdiff_t count = 0;
  for (; count < kWord; ++count) {
    const std::uint64_t word = word_at(at);
    const std::uint64_t ends = ~word & kHighBits;
    if (ends == 0) break;
    values[count] = first_number(word, ends);
    at += size_of_first(ends);
  }
  from = at;
  return count;
}

}  // namespace

std::uint64_t ByteCursor::fixed(std::size_t size) {
  std::uint64_t value = 0;
  if (size > sizeof(value)) fail("a number has more than 64 bits");
  const std::uint8_t* const at = take(size).data();
  std::memcpy(&value, at, size);
  if constexpr (std::endian::native == std::endian::big) value = __builtin_bswap64(value);
  return value;
}

std::int64_t ByteCursor::signed_varint() {
  const std::uint8_t* const first = at_;
  std::uint64_t value = varint();
  const auto bits = static_cast<unsigned>(7 * (at_ - first));
  const bool is_negative = (at_[-1] & 0x40) != 0;
  if (is_negative && bits < 64) value |= UINT64_MAX << bits;
  return static_cast<std::int64_t>(value);
}

void ByteCursor::varints(std::span<std::uint64_t> values) {
  std::uint64_t* value = values.data();
  std::uint64_t* const end = value + values.size();
  while (end - value >= kWord && end_ - at_ >= kWord * kLongest) {
    if (is_eight_numbers(at_)) {
      value = std::copy(at_, at_ + kWord, value);
      at_ += kWord;
    } else {
      const std::ptrdiff_t count = next_short_numbers(at_, value);
      value += count;
      if (count < kWord) *value++ = long_varint();
    }
  }
  for (; value != end; ++value) *value = varint();
}

std::uint64_t ByteCursor::long_varint() {
  if (end_ - at_ >= kWord) {
    const std::uint64_t word = word_at(at_);
    const std::uint64_t ends = ~word & kHighBits;
    if (ends != 0) {
      at_ += size_of_first(ends);
      return first_number(word, ends);
    }
  }
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  fail("a number has more than 64 bits");
}

}  // namespace memtrace
