// Sorting by integer keys in linear time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace memtrace::wire {

struct KeyedItem {
  std::uint64_t key = 0;
  std::uint32_t item = 0;
};

// Stable, ascending by key. `scratch` is as long as `items`. Bytes in which no two keys differ,
// which most are, cost nothing but their count.
inline void radix_sort(std::span<KeyedItem> items, std::span<KeyedItem> scratch) {
  constexpr std::size_t kDigits = 256;
  KeyedItem* from = items.data();
  KeyedItem* to = scratch.data();
  for (unsigned shift = 0; shift < 64; shift += 8) {
    std::array<std::uint32_t, kDigits> position{};
    for (std::size_t i = 0; i < items.size(); ++i) ++position[(from[i].key >> shift) & 0xFF];
    if (items.empty() || position[(from[0].key >> shift) & 0xFF] == items.size()) continue;
    std::uint32_t before = 0;
    for (std::uint32_t& count : position) before += std::exchange(count, before);
    for (std::size_t i = 0; i < items.size(); ++i) {
      to[position[(from[i].key >> shift) & 0xFF]++] = from[i];
    }
    std::swap(from, to);
  }
  if (from == items.data()) return;
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = from[i];
}

}  // namespace memtrace::wire
