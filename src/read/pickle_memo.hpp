// The objects of a pickle that it refers to again.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "read/pickle_value.hpp"

namespace memtrace {

// A memo has an entry for each block of memory. It grows by chunks, because a vector would need up
// to three times their size while it grows; and a chunk that is full and holds nothing but traces,
// as nearly all do, is packed to the fewest bytes a trace that hold its largest row and size: four
// where there are some ten thousand rows and the blocks are small.
class PickleMemo {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void append(PickleValue value) {
    if (size_ != 0 && size_ % kChunkSize == 0) pack_filling();
    filling_[size_ % kChunkSize] = value;
    ++size_;
  }

  // `index` is less than size().
  [[nodiscard]] PickleValue operator[](std::uint64_t index) const {
    const std::uint64_t chunk = index / kChunkSize;
    return chunk == chunks_.size() ? filling_[index % kChunkSize]
                                   : chunks_[chunk].value(index % kChunkSize);
  }

  void prefetch(std::uint64_t index) const {
    const std::uint64_t chunk = index / kChunkSize;
    if (chunk != chunks_.size()) chunks_[chunk].prefetch(index % kChunkSize);
  }

 private:
  static constexpr std::size_t kChunkSize = std::size_t{1} << 14;
  static constexpr std::size_t kWord = sizeof(PickleValue);

  // `bytes` of each value: kWord is a value as it is, less is a packed trace: size, then whether it
  // is truncated, then row.
  struct Chunk {
    std::unique_ptr<std::uint8_t[]> packed;
    std::uint32_t bytes = 0, size_bits = 0;

    [[nodiscard]] PickleValue value(std::size_t index) const {
      if (bytes == kWord) {
        PickleValue value;
        std::memcpy(&value, packed.get() + index * kWord, kWord);
        return value;
      }
      std::uint64_t bits = 0;
      std::memcpy(&bits, packed.get() + index * bytes, kWord);
      bits &= (std::uint64_t{1} << 8 * bytes) - 1;
      const std::uint64_t size = bits & ((std::uint64_t{1} << size_bits) - 1);
      return PickleValue::trace(static_cast<std::uint32_t>(bits >> (size_bits + 1)), size,
                                (bits >> size_bits & 1) != 0);
    }
    void prefetch(std::size_t index) const { __builtin_prefetch(packed.get() + index * bytes); }
  };

  void pack_filling();

  std::vector<Chunk> chunks_;
  std::unique_ptr<PickleValue[]> filling_ =
      std::make_unique_for_overwrite<PickleValue[]>(kChunkSize);
  std::uint64_t size_ = 0;
};

}  // namespace memtrace
