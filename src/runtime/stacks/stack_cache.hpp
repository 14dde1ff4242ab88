// Recognises a stack instead of unwinding it again.
//
// An unwind is decided by the registers that it starts from and by the stack words that it reads.
// An entry remembers where those words lay and a hash of what they were: where the same registers
// meet the same words, the traceback is the same.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/counters/record_shard.hpp"
#include "runtime/unwind/unwinder.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// The start of an unwind, and in which domain its traceback is wanted.
struct StackKey {
  Registers registers;
  std::uint32_t domain = 0;
};

// Two cache lines: with three a hit costs more than it saves.
struct alignas(64) StackEntry {
  static constexpr std::size_t kMostWords = 54;

  std::uint64_t hash;
  std::uint32_t sp;  // its low half: all of a thread's stack differ in it
  RecordId record;   // kNoRecord: nothing is remembered here
  std::uint16_t words;
  std::uint16_t uses_rbp;  // 1: the rbp at the start decided too; in most stacks it does not
  std::array<std::uint16_t, kMostWords> offsets;  // words above sp
};
static_assert(sizeof(StackEntry) == 128);

// Where the nearest of the remembered words lay in the stack that was last unwound from `pc`: most
// often the return address of whoever called the function that allocates. The many stacks that
// begin in a wrapper (xmalloc) differ there first.
struct NearestWord {
  std::uint32_t pc;  // its low half
  std::uint16_t offset;
};

// Of one thread, for stacks that start in the thread's own one, so that what lay below the stack's
// top once can be read now. Zeroed memory is an empty one.
class StackCache {
 public:
  // Where the stack ends from now on: what is remembered of another one is forgotten. Most threads
  // are given the stack of one that has ended, and find what that one remembered.
  void use_for(std::uintptr_t top);

  // kNoRecord where the stack is not known. Costs about two instructions a byte of an entry.
  [[nodiscard]] RecordId find(const StackKey& key) const {
    const std::size_t first = set_of(key) * kWays;
    for (std::size_t way = 0; way < kWays; ++way) {
      const StackEntry& entry = entries_[first + way];
      if (entry.sp != static_cast<std::uint32_t>(key.registers.sp)) continue;
      if (entry.record != kNoRecord && hash_of(key, entry) == entry.hash) return entry.record;
    }
    return kNoRecord;
  }
  // Replaces the older of the two that may lie there. Does nothing where the words do not fit.
  void put(const StackKey& key, std::span<const ReadWord> words, bool uses_rbp, RecordId record);
  void clear();

 private:
  static constexpr std::size_t kWays = 2;
  static constexpr unsigned kSetBits = 12;
  static constexpr std::size_t kSets = std::size_t{1} << kSetBits;
  static constexpr unsigned kNearestBits = 9;

  static std::size_t place_of(std::uintptr_t pc) {
    return pc * wire::kGoldenRatio >> (64 - kNearestBits);
  }
  [[nodiscard, gnu::no_sanitize_address, gnu::no_sanitize_thread]] std::uint64_t nearest_word(
      const Registers& registers) const {
    const NearestWord& nearest = nearest_[place_of(registers.pc)];
    const std::uintptr_t address = registers.sp + nearest.offset * sizeof(std::uintptr_t);
    const bool is_known = nearest.pc == static_cast<std::uint32_t>(registers.pc);
    if (!is_known || address >= top_) return 0;
    return *reinterpret_cast<const volatile std::uint64_t*>(address);
  }
  [[nodiscard]] std::size_t set_of(const StackKey& key) const {
    const Registers& registers = key.registers;
    return scatter(registers.pc + nearest_word(registers), registers.sp + key.domain) >>
           (64 - kSetBits);
  }
  // Only where entry.sp is the key's: then all that it reads is in the stack.
  [[gnu::no_sanitize_address, gnu::no_sanitize_thread]] static std::uint64_t hash_of(
      const StackKey& key, const StackEntry& entry) {
    const auto* const stack = reinterpret_cast<const volatile std::uint64_t*>(key.registers.sp);
    const std::uint64_t* keys = hash_keys.data();
    const std::uintptr_t rbp = entry.uses_rbp != 0 ? key.registers.rbp : 0;
    DoubleWord sum = DoubleWord{key.registers.pc + keys[0]} * (rbp + keys[1]);
    sum += DoubleWord{key.registers.sp + keys[2]} * (key.domain + keys[3]);
    for (std::size_t word = 0; word < entry.words; word += 2) {
      keys += 2;
      sum += DoubleWord{stack[entry.offsets[word]] + keys[2]} *
             (stack[entry.offsets[word + 1]] + keys[3]);
    }
    return fold_product(static_cast<std::uint64_t>(sum) ^ hash_keys[0],
                        static_cast<std::uint64_t>(sum >> 64) ^ hash_keys[1]);
  }

  std::array<StackEntry, kSets * kWays> entries_;
  std::array<NearestWord, std::size_t{1} << kNearestBits> nearest_;
  std::uintptr_t top_;  // exclusive
};

// Which code lies where can change: dlopen() and dlclose() begin a new generation.
struct CodeGeneration {
  // What a pc means: tracebacks of another generation are not compared by their addresses.
  std::atomic<std::uint32_t> addresses{1};
  // What was learnt by unwinding: stack caches of another generation are emptied.
  std::atomic<std::uint32_t> stacks{1};
};
alignas(64) extern constinit CodeGeneration code_generation;

// Before a library may be loaded, which may take the place of one that is gone.
void code_may_be_loaded();
// Before and after one may be unloaded.
void code_may_be_unloaded();
// Stacks are unwound anew: another number of frames is kept from now on.
void stacks_may_be_cut_differently();

}  // namespace memtrace::runtime
