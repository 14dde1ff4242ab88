// Stacks that were seen before, by a strong hash, each with its record.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/tracer/record_shard.hpp"

namespace memtrace::runtime {

// A hash table that is replaced by a larger one as it fills. Found without a lock; put() under its
// owner's.
class KnownStacks {
 public:
  // Before tracing starts; false where there is no memory.
  bool prepare();
  // kNoRecord where it is not known. Hashes are never 0.
  [[nodiscard]] RecordId find(std::uint64_t hash) const {
    return find(table_.load(std::memory_order_acquire), hash);
  }
  // Stacks of other generations are not found any more: when room is needed they are left behind.
  bool put(std::uint64_t hash, RecordId record, std::uint32_t generation);
  // Forgets all. Nobody may be in find() meanwhile.
  void clear();
  [[nodiscard]] std::size_t used_memory() const;

 private:
  struct Known {
    std::atomic<std::uint64_t> hash;  // 0: empty; written last
    RecordId record;
    std::uint32_t generation;
  };
  // Those that were replaced stay: somebody may be reading them. All together are twice the last.
  struct Table {
    std::size_t capacity;  // a power of two
    std::size_t used;
    [[nodiscard]] Known* items() { return reinterpret_cast<Known*>(this + 1); }
  };

  [[nodiscard]] static RecordId find(Table* table, std::uint64_t hash) {
    const std::size_t mask = table->capacity - 1;
    for (std::size_t place = (hash >> 1) & mask;; place = (place + 1) & mask) {
      const Known& known = table->items()[place];
      const std::uint64_t present = known.hash.load(std::memory_order_acquire);
      if (present == hash) return known.record;
      if (present == 0) return kNoRecord;
    }
  }
  static Table* make_table(std::size_t capacity);
  static void put_into(Table* table, std::uint64_t hash, RecordId record, std::uint32_t generation);
  bool make_room(std::uint32_t generation);

  std::atomic<Table*> table_{nullptr};
};

}  // namespace memtrace::runtime
