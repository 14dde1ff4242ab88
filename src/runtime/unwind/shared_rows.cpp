#include "runtime/unwind/shared_rows.hpp"

#include <array>
#include <atomic>

namespace memtrace::runtime {
namespace {

constexpr unsigned kBits = 16;

// Two words that are written and read one after the other by anybody: halves of different rows do
// not fit together, because the key is stored mixed with the content.
struct SharedRow {
  std::atomic<std::uint64_t> mixed_key{0};
  std::atomic<std::uint64_t> content{0};
};

alignas(64) constinit std::array<SharedRow, std::size_t{1} << kBits> shared_rows{};

// Addresses of code have 47 bits. The generation fills what is left of both words, so that no
// number of dlopens brings a row back.
std::uint64_t key_of(std::uintptr_t address, std::uint32_t generation) {
  constexpr unsigned kAddressBits = 48;
  return address ^ std::uint64_t{generation >> 16} << kAddressBits;
}

constexpr std::uint64_t kMix = 0xD6E8FEB86659FD93;

SharedRow& place_of(std::uintptr_t address) {
  return shared_rows[scattered(address) >> (64 - kBits)];
}

}  // namespace

bool find_shared_row(std::uintptr_t address, std::uint32_t generation, Row& row) {
  const SharedRow& place = place_of(address);
  const std::uint64_t content = place.content.load(std::memory_order_relaxed);
  const std::uint64_t mixed_key = place.mixed_key.load(std::memory_order_relaxed);
  if (content == 0 || (mixed_key ^ content * kMix) != key_of(address, generation)) return false;
  if (static_cast<std::uint16_t>(content >> 32) != static_cast<std::uint16_t>(generation)) {
    return false;
  }
  row = Row{.address = address,
            .cfa = static_cast<std::uint16_t>(content),
            .rbp = static_cast<std::uint16_t>(content >> 16),
            .kind = static_cast<RowKind>(content >> 48)};
  return true;
}

void put_shared_row(const Row& row, std::uint32_t generation) {
  const std::uint64_t content = std::uint64_t{row.cfa} | std::uint64_t{row.rbp} << 16 |
                                std::uint64_t{static_cast<std::uint16_t>(generation)} << 32 |
                                std::uint64_t{static_cast<std::uint8_t>(row.kind)} << 48;
  SharedRow& place = place_of(row.address);
  place.content.store(content, std::memory_order_relaxed);
  place.mixed_key.store(key_of(row.address, generation) ^ content * kMix,
                        std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
