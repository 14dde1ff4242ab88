// Decoding millions of numbers: batches that stay in the cache, vectors that grow in one piece.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/byte_cursor.hpp"
#include "base/large_pages.hpp"

namespace memtrace {

inline constexpr std::size_t kBatch = 1024;

// Decodes `count` numbers and hands them on in batches that stay in the cache.
template <class Use>
void for_batches(ByteCursor& cursor, std::uint64_t count, const Use& use) {
  std::array<std::uint64_t, kBatch> buffer;
  while (count > 0) {
    const auto batch = std::span(buffer).first(std::min<std::uint64_t>(count, buffer.size()));
    cursor.varints(batch);
    use(std::span<const std::uint64_t>(batch));
    count -= batch.size();
  }
}

// Makes the vector longer and gives the new part. Filling a batch by index is several times faster
// than pushing its items.
template <class T>
std::span<T> append(std::vector<T>& items, std::size_t count) {
  items.resize(items.size() + count);
  return std::span(items).last(count);
}

// Reserves in large pages: a column of millions of rows is touched for the first time while it is
// decoded, and small pages would cost more than the decoding.
template <class Vector>
void reserve(Vector& items, std::size_t size) {
  items.reserve(size);
  advise_large_pages(std::to_address(items.begin()), size * sizeof(*items.begin()));
}

// Room for what the header declares, but never for more than 64 items a byte of real content, nor
// for more than half a gigabyte of the largest items: the rest, if it comes, makes its own.
inline std::size_t room(std::uint64_t declared, std::size_t payload_size) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
  return std::min({declared, std::uint64_t{64} * payload_size, kMost});
}

}  // namespace memtrace
