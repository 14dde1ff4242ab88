// Stacks that were seen before, by a strong hash, each with its record.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/counters/record_shard.hpp"

namespace memtrace::runtime {

// A hash table that grows where it lies, segment by segment: nothing is ever replaced, so that
// nobody can be reading what is given back. Found without a lock; all else under its owner's.
class KnownStacks {
 public:
  // Before tracing starts; false where there is no memory.
  bool prepare();
  // kNoRecord where it is not known, or, without the owner's lock, where the table is being put in
  // order. Hashes are never 0.
  [[nodiscard]] RecordId find(std::uint64_t hash) const {
    const std::uint32_t version = version_.load(std::memory_order_acquire);
    const RecordId found = look_up(hash);
    std::atomic_thread_fence(std::memory_order_acquire);
    const bool is_sure = version % 2 == 0 && version_.load(std::memory_order_relaxed) == version;
    return is_sure ? found : kNoRecord;
  }
  // Stacks of other generations are not found any more: when room is needed they go.
  bool put(std::uint64_t hash, RecordId record, std::uint32_t generation);
  // Forgets all. Nobody may be in find() meanwhile.
  void clear();
  // The same, and gives back what prepare() took.
  void release();

 private:
  struct Known {
    std::atomic<std::uint64_t> hash;  // 0: empty; written last
    std::atomic<RecordId> record;
    std::uint32_t generation;
  };
  struct Alive {
    std::uint64_t hash = 0;
    RecordId record = kNoRecord;
  };

  static constexpr unsigned kFirstBits = 12;
  static constexpr std::size_t kFirst = std::size_t{1} << kFirstBits;
  static constexpr std::size_t kMostSegments = kRecordIdBits + 2 - kFirstBits;

  // Each segment but the second is as long as all before it.
  static std::size_t segment_of(std::size_t place) {
    return static_cast<std::size_t>(std::bit_width(place >> kFirstBits));
  }
  static std::size_t begin_of(std::size_t segment) {
    return segment == 0 ? 0 : kFirst << (segment - 1);
  }
  static std::size_t size_of(std::size_t segment) {
    return segment == 0 ? kFirst : begin_of(segment);
  }
  [[nodiscard]] Known& at(std::size_t place) const {
    const std::size_t segment = segment_of(place);
    return segments_[segment].load(std::memory_order_acquire)[place - begin_of(segment)];
  }
  [[nodiscard]] RecordId look_up(std::uint64_t hash) const {
    const std::size_t capacity = capacity_.load(std::memory_order_acquire);
    std::size_t place = hash >> 1;
    // Somebody may be moving what is looked for away from under this.
    for (std::size_t seen = 0; seen < capacity; ++seen, ++place) {
      const Known& known = at(place & (capacity - 1));
      const std::uint64_t present = known.hash.load(std::memory_order_acquire);
      if (present == hash) return known.record.load(std::memory_order_relaxed);
      if (present == 0) break;
    }
    return kNoRecord;
  }
  bool map_segment(std::size_t segment);
  bool make_room(std::uint32_t generation);
  [[nodiscard]] std::size_t count_alive(std::uint32_t generation) const;
  bool put_in_order(std::size_t alive, std::size_t capacity, std::uint32_t generation);
  void put_into_place(std::uint64_t hash, RecordId record, std::uint32_t generation);
  void forget_all();

  std::array<std::atomic<Known*>, kMostSegments> segments_{};
  std::atomic<std::size_t> capacity_{0};  // a power of two
  std::size_t used_ = 0;
  std::atomic<std::uint32_t> version_{0};  // odd: being put in order
};

}  // namespace memtrace::runtime
