#include "runtime/unwind/dwarf_cursor.hpp"

namespace memtrace::runtime {
namespace {

constexpr unsigned kBitsPerByte = 7;
constexpr unsigned kBits = 64;
constexpr std::uint8_t kMoreFollows = 0x80;
constexpr std::uint8_t kPayload = 0x7F;
constexpr std::uint8_t kSign = 0x40;

}  // namespace

DwarfCursor::DwarfCursor(std::span<const std::uint8_t> bytes, const std::uint8_t* position)
    : position_(position), end_(bytes.data() + bytes.size()) {
  // As numbers: comparing pointers into different objects means nothing.
  const auto at = reinterpret_cast<std::uintptr_t>(position);
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (at < begin || at - begin > bytes.size()) fail();
}

std::uint64_t DwarfCursor::unsigned_leb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < kBits; shift += kBitsPerByte) {
    const std::uint8_t next = byte();
    value |= std::uint64_t{static_cast<std::uint8_t>(next & kPayload)} << shift;
    if ((next & kMoreFollows) == 0) return value;
  }
  fail();
  return 0;
}

std::int64_t DwarfCursor::signed_leb() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < kBits;) {
    const std::uint8_t next = byte();
    value |= std::uint64_t{static_cast<std::uint8_t>(next & kPayload)} << shift;
    shift += kBitsPerByte;
    if ((next & kMoreFollows) != 0) continue;
    if ((next & kSign) != 0 && shift < kBits) value |= ~std::uint64_t{0} << shift;
    return static_cast<std::int64_t>(value);
  }
  fail();
  return 0;
}

std::uintptr_t DwarfCursor::pointer_value(std::uint8_t format) {
  switch (format) {
    case 0x00:
    case 0x04:
    case 0x0C:
      return fixed<std::uint64_t>();
    case 0x01:
      return unsigned_leb();
    case 0x02:
      return fixed<std::uint16_t>();
    case 0x03:
      return fixed<std::uint32_t>();
    case 0x09:
      return static_cast<std::uint64_t>(signed_leb());
    case 0x0A:
      return static_cast<std::uint64_t>(std::int64_t{fixed<std::int16_t>()});
    case 0x0B:
      return static_cast<std::uint64_t>(std::int64_t{fixed<std::int32_t>()});
    default:
      fail();
      return 0;
  }
}

std::uintptr_t DwarfCursor::pointer(std::uint8_t encoding, std::uintptr_t header_address) {
  const auto here = reinterpret_cast<std::uintptr_t>(position_);
  if (encoding == kPointerOmitted || (encoding & kPointerIndirect) != 0) {
    fail();
    return 0;
  }
  const std::uintptr_t value =
      pointer_value(static_cast<std::uint8_t>(encoding & kPointerFormatMask));
  switch (encoding & kPointerBaseMask) {
    case kPointerAbsolute:
      return value;
    case kPointerRelativeToItself:
      return here + value;
    case kPointerRelativeToHeader:
      return header_address + value;
    default:
      fail();
      return 0;
  }
}

std::span<const std::uint8_t> DwarfCursor::bytes(std::uint64_t size) {
  if (size > remaining()) {
    fail();
    return {};
  }
  const std::span<const std::uint8_t> taken(position_, size);
  position_ += size;
  return taken;
}

}  // namespace memtrace::runtime
