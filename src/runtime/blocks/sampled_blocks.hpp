// The sampled blocks that are alive, and a quick no for all the others.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/blocks/block_table.hpp"
#include "runtime/counters/record_shard.hpp"
#include "runtime/os/lock.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

struct SampledBlock {
  RecordId record = kNoRecord;
  std::uint64_t size = 0;  // its own, in bytes
  Counter weight;          // what it stands for
};

class SampledBlocks {
 public:
  // Costs one load from 4 KiB, which stay in the first cache and leave it to the program.
  [[nodiscard]] bool may_hold(std::uintptr_t address) const {
    const std::size_t place = place_of(address);
    const std::uint64_t word = filter_[place / kWordBits].load(std::memory_order_relaxed);
    return (word >> (place % kWordBits) & 1) != 0;
  }

  // The same for what begins kBeforeObject bytes before the address at most: a yes for all that
  // lies in the same pages.
  [[nodiscard]] bool may_hold_object(std::uintptr_t address) const {
    const std::size_t place = page_of(address);
    const std::uint64_t word = pages_[place / kWordBits].load(std::memory_order_relaxed);
    return (word >> (place % kWordBits) & 1) != 0;
  }
  static constexpr std::size_t kBeforeObject = 64;

  // `previous` is what was remembered of the address. false where there is no memory.
  bool put(std::uintptr_t address, const SampledBlock& block, SampledBlock& previous);
  bool take(std::uintptr_t address, SampledBlock& block);
  bool peek(std::uintptr_t address, SampledBlock& block) { return blocks_.peek(address, block); }
  void clear();
  // Bytes of address space that clear() gives back.
  [[nodiscard]] std::size_t mapped_memory() const { return blocks_.mapped_memory(); }

  // Around a fork.
  template <class Visit>
  void for_each_lock(Visit&& visit) {
    blocks_.for_each_lock(visit);
    visit(filter_lock_);
  }

 private:
  static constexpr unsigned kPlaceBits = 15;
  static constexpr std::size_t kPlaces = std::size_t{1} << kPlaceBits;
  static constexpr std::size_t kWordBits = 64;
  // A place that was ever so full is never empty again.
  static constexpr std::uint8_t kFull = 255;

  static std::size_t place_of(std::uintptr_t address) {
    return address * wire::kGoldenRatio >> (64 - kPlaceBits);
  }
  static std::size_t page_of(std::uintptr_t address) {
    constexpr unsigned kPageBits = 12;
    return (address >> kPageBits) % kPlaces;
  }

  // A bit for each place that holds blocks, and how many they are.
  using Bits = std::array<std::atomic<std::uint64_t>, kPlaces / kWordBits>;
  using Counts = std::array<std::uint8_t, kPlaces>;
  static void change(Bits& bits, Counts& counts, std::size_t place, int change_by);
  void change_filters(std::uintptr_t address, int change_by);

  Bits filter_{}, pages_{};
  Counts counts_{}, page_counts_{};
  Lock filter_lock_{LockRank::sampled_filter};  // for those who write
  BlockTable<SampledBlock, LockRank::sampled_blocks> blocks_;
};

}  // namespace memtrace::runtime
