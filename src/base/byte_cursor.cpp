#include "base/byte_cursor.hpp"

#include <algorithm>
#include <cstring>

namespace memtrace {
namespace {

constexpr std::size_t kWord = 8;
constexpr std::uint64_t kHighBits = 0x8080808080808080;

// Whether the next eight bytes are eight numbers.
bool is_eight_numbers(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, kWord);
  return (word & kHighBits) == 0;
}

}  // namespace

void ByteCursor::varints(std::span<std::uint64_t> values) {
  std::size_t done = 0;
  while (done < values.size()) {
    // The common cases need no look at the end of the buffer for each byte.
    while (remaining() >= kWord && values.size() - done >= kWord && is_eight_numbers(at_)) {
      std::copy(at_, at_ + kWord, values.begin() + static_cast<std::ptrdiff_t>(done));
      at_ += kWord;
      done += kWord;
    }
    const std::size_t stop = std::min(values.size(), done + kWord);
    for (; done < stop; ++done) {
      if (remaining() >= 2 && at_[0] >= 0x80 && at_[1] < 0x80) {
        values[done] = (at_[0] & 0x7FU) | static_cast<std::uint64_t>(at_[1]) << 7;
        at_ += 2;
      } else {
        values[done] = varint();
      }
    }
  }
}

std::uint64_t ByteCursor::long_varint() {
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
