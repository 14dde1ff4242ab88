#include "runtime/stacks/stack_cache.hpp"

#include <limits>

#include "runtime/os/memory.hpp"
#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {

void StackCache::put(const StackKey& key, std::span<const ReadWord> words, bool uses_rbp,
                     RecordId record) {
  if (words.empty() || words.size() > StackEntry::kMostWords) return;
  StackEntry made;  // NOLINT: filled below
  std::uint16_t count = 0;
  for (const ReadWord& word : words) {
    if (word.address >= top_) return;
    const std::uintptr_t distance = word.address - key.registers.sp;
    const std::uintptr_t offset = distance / sizeof(std::uintptr_t);
    if (distance % sizeof(std::uintptr_t) != 0) return;
    if (offset > std::numeric_limits<std::uint16_t>::max()) return;
    made.offsets[count++] = static_cast<std::uint16_t>(offset);
  }
  // They are hashed in pairs.
  if (count % 2 != 0) {
    made.offsets[count] = made.offsets[count - 1];
    ++count;
  }
  made.words = count;
  made.uses_rbp = uses_rbp ? 1 : 0;
  made.sp = static_cast<std::uint32_t>(key.registers.sp);
  made.record = record;
  made.hash = hash_of(key, made);
  nearest_[place_of(key.registers.pc)] = {static_cast<std::uint32_t>(key.registers.pc),
                                          made.offsets[0]};
  StackEntry* const set = &entries_[set_of(key) * kWays];
  set[1] = set[0];
  set[0] = made;
}

void StackCache::use_for(std::uintptr_t top) {
  if (top == top_) return;
  clear();
  top_ = top;
}

void StackCache::clear() {
  clear_memory(entries_.data(), sizeof entries_);
}

alignas(64) constinit CodeGeneration code_generation;

void code_may_be_loaded() {
  RowCache::invalidate_all();
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

void code_may_be_unloaded() {
  RowCache::invalidate_all();
  code_generation.addresses.fetch_add(1, std::memory_order_acq_rel);
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

void stacks_may_be_cut_differently() {
  code_generation.stacks.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace memtrace::runtime
