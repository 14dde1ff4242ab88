#include "runtime/stacks/stack_cache.hpp"

#include <limits>

#include "runtime/os/memory.hpp"

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

}  // namespace memtrace::runtime
