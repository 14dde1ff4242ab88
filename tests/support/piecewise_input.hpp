// Bytes in memory as an input.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include "base/file_input.hpp"

namespace memtrace::test {

// Gives at most `piece` bytes at once.
class PiecewiseInput : public Input {
 public:
  explicit PiecewiseInput(std::string_view bytes,
                          std::size_t piece = std::numeric_limits<std::size_t>::max())
      : bytes_(bytes), piece_(piece) {}
  std::size_t read(std::span<std::uint8_t> buffer) override {
    const std::size_t size = std::min({buffer.size(), bytes_.size(), piece_});
    if (size != 0) std::memcpy(buffer.data(), bytes_.data(), size);
    bytes_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view bytes_;
  std::size_t piece_;
};

}  // namespace memtrace::test
