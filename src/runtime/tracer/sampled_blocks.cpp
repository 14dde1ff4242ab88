#include "runtime/tracer/sampled_blocks.hpp"

namespace memtrace::runtime {

void SampledBlocks::change_filter(std::uintptr_t address, int change) {
  std::atomic<std::uint8_t>& place = filter_[place_of(address)];
  std::uint8_t count = place.load(std::memory_order_relaxed);
  while (count != kFull &&
         !place.compare_exchange_weak(count, static_cast<std::uint8_t>(count + change),
                                      std::memory_order_relaxed)) {
  }
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
  for (std::atomic<std::uint8_t>& place : filter_) place.store(0, std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
