#include "runtime/blocks/sampled_blocks.hpp"

namespace memtrace::runtime {

void SampledBlocks::change_filter(std::uintptr_t address, int change) {
  const std::size_t place = place_of(address);
  const std::uint64_t bit = std::uint64_t{1} << place % kWordBits;
  const Locked locked(filter_lock_);
  std::uint8_t& count = counts_[place];
  if (count == kFull) return;
  count = static_cast<std::uint8_t>(count + change);
  std::atomic<std::uint64_t>& word = filter_[place / kWordBits];
  const std::uint64_t others = word.load(std::memory_order_relaxed) & ~bit;
  word.store(count == 0 ? others : others | bit, std::memory_order_relaxed);
}

bool SampledBlocks::put(std::uintptr_t address, const SampledBlock& block, SampledBlock& previous) {
  if (!blocks_.put(address, block, previous)) return false;
  if (previous.record == kNoRecord) change_filter(address, +1);
  return true;
}

bool SampledBlocks::take(std::uintptr_t address, SampledBlock& block) {
  if (!blocks_.take(address, block)) return false;
  change_filter(address, -1);
  return true;
}

void SampledBlocks::clear() {
  blocks_.clear();
  const Locked locked(filter_lock_);
  for (std::atomic<std::uint64_t>& word : filter_) word.store(0, std::memory_order_relaxed);
  counts_.fill(0);
}

}  // namespace memtrace::runtime
