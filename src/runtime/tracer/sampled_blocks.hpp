// The sampled blocks that are alive, and a quick no for all the others.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/tracer/block_table.hpp"
#include "runtime/tracer/record_shard.hpp"

namespace memtrace::runtime {

struct SampledBlock {
  RecordId record = kNoRecord;
  std::uint64_t size = 0;  // its own, in bytes
  Counter weight;          // what it stands for
};

class SampledBlocks {
 public:
  // Costs one load from a table that stays in the first cache: few blocks are sampled.
  [[nodiscard]] bool may_hold(std::uintptr_t address) const {
    return filter_[place_of(address)].load(std::memory_order_relaxed) != 0;
  }

  // `previous` is what was remembered of the address. false where there is no memory.
  bool put(std::uintptr_t address, const SampledBlock& block, SampledBlock& previous);
  bool take(std::uintptr_t address, SampledBlock& block);
  bool peek(std::uintptr_t address, SampledBlock& block) { return blocks_.peek(address, block); }
  void clear();

  [[nodiscard]] std::size_t used_memory() const { return blocks_.used_memory(); }
  BlockTable<SampledBlock>& table() { return blocks_; }

 private:
  static constexpr unsigned kPlaceBits = 15;
  // A place that was ever so full is never empty again.
  static constexpr std::uint8_t kFull = 255;

  static std::size_t place_of(std::uintptr_t address) {
    constexpr std::uint64_t kScatter = 0x9E3779B97F4A7C15;
    return address * kScatter >> (64 - kPlaceBits);
  }
  void change_filter(std::uintptr_t address, int change);

  std::array<std::atomic<std::uint8_t>, std::size_t{1} << kPlaceBits> filter_{};
  BlockTable<SampledBlock> blocks_;
};

}  // namespace memtrace::runtime
