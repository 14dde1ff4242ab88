#include "read/pickle_memo.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace memtrace {

void PickleMemo::pack_filling() {
  const std::span<const PickleValue> values(filling_.get(), kChunkSize);
  std::uint32_t largest_row = 0, largest_size = 0;
  bool only_traces = true;
  for (const PickleValue value : values) {
    only_traces = only_traces && value.is_trace();
    largest_row |= value.trace_row();
    largest_size |= value.trace_size();
  }
  Chunk chunk;
  chunk.size_bits = static_cast<std::uint32_t>(std::bit_width(largest_size));
  const auto bits = chunk.size_bits + 1 + static_cast<std::uint32_t>(std::bit_width(largest_row));
  chunk.bytes = only_traces ? std::min<std::uint32_t>((bits + 7) / 8, kWord) : kWord;
  // A value is read as a whole word, also the last one.
  chunk.packed = std::make_unique_for_overwrite<std::uint8_t[]>(kChunkSize * chunk.bytes + kWord);
  std::uint8_t* at = chunk.packed.get();
  for (const PickleValue value : values) {
    if (chunk.bytes == kWord) {
      std::memcpy(at, &value, kWord);
    } else {
      const std::uint64_t packed =
          (std::uint64_t{value.trace_row()} << 1 | (value.trace_is_truncated() ? 1U : 0U))
              << chunk.size_bits |
          value.trace_size();
      std::memcpy(at, &packed, kWord);
    }
    at += chunk.bytes;
  }
  chunks_.push_back(std::move(chunk));
}

}  // namespace memtrace
