// LEB128, as the snapshot file writes numbers: seven bits a byte, the least significant first.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memtrace::wire {

inline constexpr std::size_t kMaxVarintSize = 10;

// Returns where the next byte goes. There must be room for kMaxVarintSize bytes.
inline char* put_varint(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

constexpr std::uint64_t varint_size(std::uint64_t value) {
  std::uint64_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// Differences that may be negative, so that small ones are small numbers: 2d or -2d-1.
constexpr std::uint64_t zigzag(std::uint64_t difference) {
  const auto value = static_cast<std::int64_t>(difference);
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}

}  // namespace memtrace::wire
