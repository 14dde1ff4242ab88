// A copy of the counters at one moment, and of the blocks that are alive.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

// Counted by traceback and size.
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

// The counters' owners stand still for as long as it takes to copy them; the copy is in memory of
// its own until release_snapshot_data(). false where nothing is traced or there is no memory.
// `blocks` also counts the live blocks by size, which takes longer: it looks at each of them.
bool take_snapshot_data(SnapshotData& data, LiveBlocks* blocks = nullptr);
void release_snapshot_data(SnapshotData& data);

}  // namespace memtrace::runtime
