// The blocks that are alive, counted by traceback and size.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

class LiveBlocks {
 public:
  LiveBlocks() = default;
  ~LiveBlocks() { unmap_memory(places_, capacity_ * sizeof(BlockGroup)); }
  LiveBlocks(const LiveBlocks&) = delete;
  LiveBlocks& operator=(const LiveBlocks&) = delete;

  // With the gate held. Costs some nanoseconds a block.
  void collect();
  // false where memory ran out: blocks are missing.
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  // After collect().
  [[nodiscard]] std::span<const BlockGroup> groups();

 private:
  void add(std::uint32_t record, std::int64_t size);
  static BlockGroup& find(BlockGroup* places, std::size_t capacity, std::uint32_t record,
                          std::int64_t size);
  bool grow();

  BlockGroup* places_ = nullptr;  // an open-addressing hash table; count 0: empty
  std::size_t capacity_ = 0;      // a power of two
  std::size_t used_ = 0;
  bool is_whole_ = true;
};

}  // namespace memtrace::runtime
