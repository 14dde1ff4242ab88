// Reads DWARF's numbers from bytes that nobody vouches for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace memtrace::runtime {

// How a pointer is written in .eh_frame: a format and what it is relative to.
inline constexpr std::uint8_t kPointerAbsolute = 0x00;
inline constexpr std::uint8_t kPointerOmitted = 0xFF;
inline constexpr std::uint8_t kPointerFormatMask = 0x0F;
inline constexpr std::uint8_t kPointerBaseMask = 0x70;
inline constexpr std::uint8_t kPointerRelativeToItself = 0x10;
inline constexpr std::uint8_t kPointerRelativeToHeader = 0x30;
inline constexpr std::uint8_t kPointerIndirect = 0x80;

// Never reads outside of its bytes. What goes beyond, and what makes no sense, gives zero and puts
// the cursor at its end for good with ok() false: a caller may read on and ask once, after all.
class DwarfCursor {
 public:
  explicit DwarfCursor(std::span<const std::uint8_t> bytes)
      : position_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  // The bytes from `position` on; a failed cursor where it lies outside of them.
  DwarfCursor(std::span<const std::uint8_t> bytes, const std::uint8_t* position);

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return position_ == end_; }
  [[nodiscard]] const std::uint8_t* position() const { return position_; }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - position_); }

  template <class Integer>
  Integer fixed() {
    Integer value = 0;
    if (remaining() < sizeof value) {
      fail();
      return 0;
    }
    std::memcpy(&value, position_, sizeof value);
    position_ += sizeof value;
    return value;
  }
  std::uint8_t byte() { return fixed<std::uint8_t>(); }
  std::uint64_t unsigned_leb();
  std::int64_t signed_leb();
  // A pointer that is not there counts as failure, and so does one that would have to be followed.
  std::uintptr_t pointer(std::uint8_t encoding, std::uintptr_t header_address);

  // The next `size` bytes, and goes behind them.
  std::span<const std::uint8_t> bytes(std::uint64_t size);
  void skip(std::uint64_t size) { bytes(size); }
  void fail() {
    ok_ = false;
    position_ = end_;
  }

 private:
  std::uintptr_t pointer_value(std::uint8_t format);

  const std::uint8_t* position_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace memtrace::runtime
