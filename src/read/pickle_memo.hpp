// The objects of a pickle that it refers to again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "read/pickle_value.hpp"

namespace memtrace {

// Grows by chunks: a memo has an entry for each block of memory, and a vector would need up to
// three times their size while it grows.
class PickleMemo {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }

  void append(PickleValue value) {
    if (size_ % kChunkSize == 0) {
      chunks_.push_back(std::make_unique_for_overwrite<PickleValue[]>(kChunkSize));
    }
    chunks_.back()[size_ % kChunkSize] = value;
    ++size_;
  }

  // `index` is less than size().
  [[nodiscard]] PickleValue operator[](std::uint64_t index) const {
    return chunks_[index / kChunkSize][index % kChunkSize];
  }
  void prefetch(std::uint64_t index) const {
    __builtin_prefetch(&chunks_[index / kChunkSize][index % kChunkSize]);
  }

 private:
  static constexpr std::size_t kChunkSize = std::size_t{1} << 14;

  std::vector<std::unique_ptr<PickleValue[]>> chunks_;
  std::uint64_t size_ = 0;
};

}  // namespace memtrace
