// Untrusted bytes of unknown number, read forwards through a window.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_input.hpp"

namespace memtrace {

// Never holds more of the input than the window and one string, and never believes a length before
// the bytes are there. Errors name the offset of the item that was begun last.
class ByteStream {
 public:
  explicit ByteStream(Input& input)
      : input_(input), window_(std::make_unique_for_overwrite<std::uint8_t[]>(kWindowSize)) {}

  // Reads the byte that says what the next item is.
  std::uint8_t begin_item() {
    if (at_ == end_) require(1);
    item_offset_ = offset();
    return *at_++;
  }

  // The next byte, which stays where it is; nothing at the end of the input.
  bool next_is(std::uint8_t byte) { return (at_ != end_ || refill()) && *at_ == byte; }

  // A little-endian unsigned number of sizeof(T) bytes.
  template <class T>
  T little_endian() {
    if (remaining() < sizeof(T)) require(sizeof(T));
    const T value = little_endian_at<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  template <class T>
  static T little_endian_at(const std::uint8_t* at) {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
  }

  // Valid until the next call. The caller limits `size`.
  std::string_view bytes(std::size_t size) {
    if (size > remaining()) return long_bytes(size);
    const std::string_view taken(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return taken;
  }

  // Up to the next newline, which is dropped; refuses lines of more than `limit` bytes.
  std::string line(std::size_t limit);

  bool at_end() { return at_ == end_ && !refill(); }

  // For those who look ahead on their own: what is there without reading on, and how much of it to
  // drop.
  [[nodiscard]] const std::uint8_t* ahead() const { return at_; }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  void skip_to(const std::uint8_t* place) { at_ = place; }

  [[nodiscard]] std::uint64_t offset() const {
    return window_offset_ + static_cast<std::uint64_t>(at_ - window_.get());
  }
  [[nodiscard]] std::uint64_t item_offset() const { return item_offset_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  static constexpr std::size_t kWindowSize = std::size_t{128} << 10;

  // Makes at least `size` bytes (a few) remain, or fails.
  void require(std::size_t size);
  // Keeps what remains and reads more behind it; false at the end of the input.
  bool refill();
  std::string_view long_bytes(std::size_t size);

  Input& input_;
  std::unique_ptr<std::uint8_t[]> window_;
  const std::uint8_t* at_ = window_.get();
  const std::uint8_t* end_ = window_.get();
  std::uint64_t window_offset_ = 0;  // of the window's first byte
  std::uint64_t item_offset_ = 0;
  std::string scratch_;  // a string that crosses the window's end
};

}  // namespace memtrace
