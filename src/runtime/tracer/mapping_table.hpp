// Anonymous mappings that are alive: ranges that may be cut, joined by nobody, moved.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/os/lock.hpp"
#include "runtime/tracer/record_shard.hpp"

namespace memtrace::runtime {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;  // exclusive
  RecordId record = kNoRecord;
};

// Sorted by address, none overlaps another. Programs have thousands at most, so that moving the
// array's tail is cheap.
class MappingTable {
 public:
  // Its place must be free (see cut()). false where there is no memory.
  bool add(const Mapping& mapping);

  // Takes [begin, end) out of whatever lies there. visit(record, change) is told for each piece
  // what the record loses: bytes, and a block where a whole piece goes; a block more where a hole
  // makes two of one.
  template <class Visit>
  void cut(std::uintptr_t begin, std::uintptr_t end, Visit&& visit) {
    const Locked locked(lock_);
    std::size_t index = first_after(begin);
    while (index < count_ && mappings_[index].begin < end) {
      Mapping& mapping = mappings_[index];
      const std::uintptr_t from = mapping.begin > begin ? mapping.begin : begin;
      const std::uintptr_t to = mapping.end < end ? mapping.end : end;
      const bool keeps_front = mapping.begin < from;
      const bool keeps_back = to < mapping.end;
      const Mapping back{to, mapping.end, mapping.record};
      const auto pieces = static_cast<std::int64_t>(keeps_front) + (keeps_back ? 1 : 0);
      visit(mapping.record, Counter{-static_cast<std::int64_t>(to - from), pieces - 1});
      if (keeps_front) {
        mapping.end = from;
        ++index;
        if (keeps_back && insert(index, back)) ++index;
      } else if (keeps_back) {
        mapping.begin = to;
        ++index;
      } else {
        erase(index);
      }
    }
  }
  void clear();
  Lock& lock() { return lock_; }

 private:
  // The first one that ends after `address`.
  [[nodiscard]] std::size_t first_after(std::uintptr_t address) const;
  bool insert(std::size_t index, const Mapping& mapping);
  void erase(std::size_t index);
  bool make_room();

  Lock lock_{LockRank::mappings};
  Mapping* mappings_ = nullptr;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};
extern constinit MappingTable mapping_table;

}  // namespace memtrace::runtime
