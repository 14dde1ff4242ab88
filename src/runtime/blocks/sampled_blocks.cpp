#include "runtime/blocks/sampled_blocks.hpp"

namespace memtrace::runtime {

void SampledBlocks::change_filters(std::uintptr_t address, int change_by) {
  const std::size_t first_page = page_of(address), last_page = page_of(address + kBeforeObject);
  const Locked locked(filter_lock_);
  change(filter_, counts_, place_of(address), change_by);
  change(pages_, page_counts_, first_page, change_by);
  if (last_page != first_page) change(pages_, page_counts_, last_page, change_by);
}

// Under the lock.
void SampledBlocks::change(Bits& bits, Counts& counts, std::size_t place, int change_by) {
  const std::uint64_t bit = std::uint64_t{1} << place % kWordBits;
  std::uint8_t& count = counts[place];
  if (count == kFull) return;
  count = static_cast<std::uint8_t>(count + change_by);
  std::atomic<std::uint64_t>& word = bits[place / kWordBits];
  const std::uint64_t others = word.load(std::memory_order_relaxed) & ~bit;
  word.store(count == 0 ? others : others | bit, std::memory_order_relaxed);
}

bool SampledBlocks::put(std::uintptr_t address, const SampledBlock& block, SampledBlock& previous) {
  if (!blocks_.put(address, block, previous)) return false;
  if (previous.record == kNoRecord) change_filters(address, +1);
  return true;
}

bool SampledBlocks::take(std::uintptr_t address, SampledBlock& block) {
  if (!blocks_.take(address, block)) return false;
  change_filters(address, -1);
  return true;
}

void SampledBlocks::clear() {
  blocks_.clear();
  const Locked locked(filter_lock_);
  for (Bits* const bits : {&filter_, &pages_}) {
    for (std::atomic<std::uint64_t>& word : *bits) word.store(0, std::memory_order_relaxed);
  }
  counts_.fill(0);
  page_counts_.fill(0);
}

}  // namespace memtrace::runtime
