// The counters: what each traceback holds, one set of records for each thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::runtime {

// A traceback in a domain. 0 is none.
using RecordId = std::uint32_t;
inline constexpr RecordId kNoRecord = 0;
inline constexpr unsigned kRecordIdBits = 27;
// Of the tracer's own blocks: known, so that they are still known when others get them, but not
// counted.
inline constexpr RecordId kOwnRecord = (RecordId{1} << kRecordIdBits) - 1;

// One thread's share of what a traceback holds. A thread that frees what others allocated has
// negative ones; the sum over all threads is the truth.
template <class Amount>
struct alignas(64) Share {
  Amount live, peak, total;
  std::uint64_t epoch = 0;  // of the peak that `peak` belongs to

  // Before a change: what it held when the peak of `now` was reached is what it holds until then.
  void touch(std::uint64_t now) {
    if (epoch == now) return;
    peak = live;
    epoch = now;
  }
  [[nodiscard]] Amount peak_at(std::uint64_t now) const { return epoch == now ? peak : live; }
};
using Record = Share<Counter>;
// Beside a record, where its counters are estimates.
using VarianceRecord = Share<Variance>;
static_assert(sizeof(Record) == 64 && sizeof(VarianceRecord) == 64);

// Changed by its thread inside of the gate, read by whoever holds the gate. It outlives the thread
// and is handed to the next one as it is.
template <class Item>
class Shard {
 public:
  // nullptr where the kernel gives no memory.
  Item* find_or_add(RecordId id) {
    if (id >> kChunkBits < room_) [[likely]] {
      Item* const chunk = chunks_[id >> kChunkBits];
      if (chunk != nullptr) [[likely]]
        return chunk + (id & (kChunkRecords - 1));
    }
    return add(id);
  }

  // Calls visit(id, record) for the records below `end` that may have been touched.
  template <class Visit>
  void for_each(RecordId end, Visit&& visit) const {
    const std::size_t chunks =
        std::min<std::size_t>(chunk_end_, (end + kChunkRecords - 1) >> kChunkBits);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      if (chunks_[chunk] == nullptr) continue;
      const auto first = static_cast<RecordId>(chunk << kChunkBits);
      const RecordId last = std::min(end, first + kChunkRecords);
      for (RecordId id = first; id < last; ++id) visit(id, chunks_[chunk][id - first]);
    }
  }

  // All counters become zero.
  void clear();

 private:
  static constexpr unsigned kChunkBits = 8;
  static constexpr std::uint32_t kChunkRecords = 1U << kChunkBits;
  static constexpr std::size_t kChunkMemory = kChunkRecords * sizeof(Item);

  [[gnu::noinline, gnu::cold]] Item* add(RecordId id);
  bool make_room(std::size_t chunk);

  Item** chunks_ = nullptr;  // [room_]
  std::size_t room_ = 0;
  std::size_t chunk_end_ = 0;  // after the last one that is there
  Item* spare_ = nullptr;      // memory that is mapped in larger pieces
  std::size_t spare_chunks_ = 0;
};

using RecordShard = Shard<Record>;
using VarianceShard = Shard<VarianceRecord>;

}  // namespace memtrace::runtime
