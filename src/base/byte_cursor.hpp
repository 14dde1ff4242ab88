// The one way to take untrusted bytes out of a buffer.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "mtrace/error.hpp"

namespace memtrace {

// Reads forward through a buffer and never past its end. `base` is where the buffer lies in its
// section or file, so that errors name a place that the user can look at.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const std::uint8_t> bytes, std::uint64_t base = 0)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()), base_(base) {}

  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] std::uint64_t offset() const {
    return base_ + static_cast<std::uint64_t>(at_ - begin_);
  }

  std::uint8_t u8() {
    if (at_ == end_) fail("it ends in the middle of a number");
    return *at_++;
  }

  // A little-endian unsigned number of sizeof(T) bytes.
  template <class T>
  T little_endian() {
    T value = 0;
    const auto raw = bytes(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<T>(static_cast<T>(static_cast<std::uint8_t>(raw[i])) << (8 * i));
    }
    return value;
  }

  // The same of `size` bytes, eight at the most.
  std::uint64_t fixed(std::size_t size);

  // LEB128: seven bits a byte, least significant first. One byte is the common case by far.
  std::uint64_t varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return long_varint();
  }

  // The same with a sign, in two's complement.
  std::int64_t signed_varint();

  // As many varints as `values` has room for. Eight at a time where they are one byte each, which
  // is what most columns are: about half a nanosecond for such a number, two for others.
  void varints(std::span<std::uint64_t> values);

  std::string_view bytes(std::uint64_t size) {
    if (size > remaining()) fail("it ends in the middle of a string");
    const std::string_view taken(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return taken;
  }

  std::span<const std::uint8_t> take(std::uint64_t size) {
    const std::uint8_t* const begin = at_;
    skip(size);
    return {begin, at_};
  }
  void skip(std::uint64_t size) {
    if (size > remaining()) fail("it ends too early");
    at_ += size;
  }

  // For those who go back to where they were.
  [[nodiscard]] const std::uint8_t* position() const { return at_; }

  [[noreturn]] void fail(const std::string& what) const { throw Error::at_byte(offset(), what); }

 private:
  std::uint64_t long_varint();

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::uint64_t base_;
};

}  // namespace memtrace
