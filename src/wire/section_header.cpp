#include "wire/section_header.hpp"

#include <xxhash.h>

#include <algorithm>

namespace memtrace::wire {
namespace {

constexpr std::size_t kCheckOffset = 32;

template <class T>
void put(std::span<std::uint8_t> bytes, std::size_t offset, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

template <class T>
T get(std::span<const std::uint8_t> bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) {
    value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | bytes[offset + i]);
  }
  return value;
}

}  // namespace

Front encode_front(const SectionHeader& header) {
  Front front{};
  put(front, 0, kSkippableMagic);
  put(front, 4, static_cast<std::uint32_t>(kHeaderSize));
  const std::span<std::uint8_t> bytes = std::span(front).subspan(kSkippableHeaderSize);
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  put(bytes, 4, header.major);
  put(bytes, 6, header.minor);
  put(bytes, 8, static_cast<std::uint32_t>(header.section));
  put(bytes, 12, header.items);
  put(bytes, 16, header.raw_size);
  put(bytes, 24, header.compressed_size);
  put(bytes, kCheckOffset, static_cast<std::uint64_t>(XXH64(bytes.data(), kCheckOffset, 0)));
  return front;
}

bool begins_section(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kSkippableHeaderSize + kMagic.size() &&
         get<std::uint32_t>(bytes, 0) == kSkippableMagic &&
         std::equal(kMagic.begin(), kMagic.end(), bytes.begin() + kSkippableHeaderSize);
}

std::optional<SectionHeader> decode_front(const Front& front) {
  const std::span<const std::uint8_t> bytes = std::span(front).subspan(kSkippableHeaderSize);
  if (!begins_section(front) || get<std::uint32_t>(front, 4) != kHeaderSize ||
      get<std::uint64_t>(bytes, kCheckOffset) != XXH64(bytes.data(), kCheckOffset, 0)) {
    return std::nullopt;
  }
  SectionHeader header;
  header.major = get<std::uint16_t>(bytes, 4);
  header.minor = get<std::uint16_t>(bytes, 6);
  header.section = static_cast<Section>(get<std::uint32_t>(bytes, 8));
  header.items = get<std::uint32_t>(bytes, 12);
  header.raw_size = get<std::uint64_t>(bytes, 16);
  header.compressed_size = get<std::uint64_t>(bytes, 24);
  return header;
}

}  // namespace memtrace::wire
