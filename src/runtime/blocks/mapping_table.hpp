// Anonymous mappings that are alive: ranges that may be cut, changed and moved piece by piece.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/counters/record_shard.hpp"
#include "runtime/os/lock.hpp"

namespace memtrace::runtime {

enum class MappingState : std::uint8_t {
  counted,   // can be touched, and belongs to its record
  reserved,  // cannot be touched, or what was in it has been given back
};

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;  // exclusive
  RecordId record = kNoRecord;
  std::uint64_t origin = 0;  // of the call that mapped it: all pieces of it have the same
  MappingState state = MappingState::counted;
  // munmap() or mremap() is under way. It counts no more: who is given these addresses meanwhile
  // may come first.
  bool is_leaving = false;
  // With other processes, or mappings: forgetting the pages here gives nothing back.
  bool is_shared = false;

  [[nodiscard]] bool is_counted() const { return state == MappingState::counted && !is_leaving; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(end - begin); }
};

// Sorted by address, none overlaps another, and neighbours that are alike are one again. Programs
// have thousands at most, so that moving the array's tail is cheap.
class MappingTable {
 public:
  // Its place must be free (see cut()). false where there is no memory.
  bool add(const Mapping& mapping);

  // Calls change(piece) for each piece of what lies in [begin, end), and puts what that makes of it
  // in its place. visit(record, difference) is told what a record gains or loses: bytes, and a
  // block for a whole piece; a block more where a hole makes two of one. false where there is no
  // memory.
  template <class Change, class Visit>
  bool change(std::uintptr_t begin, std::uintptr_t end, Change&& change, Visit&& visit) {
    const Locked locked(lock_);
    for (std::size_t index = first_after(begin); index < count_ && mappings_[index].begin < end;
         ++index) {
      const Mapping whole = mappings_[index];
      Mapping changed = whole;
      change(changed);
      if (changed.is_counted() == whole.is_counted() && changed.record == whole.record &&
          changed.state == whole.state && changed.is_leaving == whole.is_leaving) {
        continue;
      }
      if (!isolate(index, begin, end)) return false;
      changed.begin = mappings_[index].begin;
      changed.end = mappings_[index].end;
      mappings_[index] = changed;
      const std::int64_t others =
          (changed.begin > whole.begin ? 1 : 0) + (changed.end < whole.end ? 1 : 0);
      if (whole.is_counted()) visit(whole.record, Counter{-changed.size(), others - 1});
      if (changed.is_counted()) visit(changed.record, Counter{changed.size(), 1});
      index = join_neighbours(index, visit);
    }
    return true;
  }
  // Takes [begin, end) out of whatever lies there.
  template <class Visit>
  void cut(std::uintptr_t begin, std::uintptr_t end, Visit&& visit) {
    erase_if(
        begin, end, [](const Mapping&) { return true; }, visit);
  }
  // The same, of those that wanted(mapping).
  template <class Wanted, class Visit>
  void erase_if(std::uintptr_t begin, std::uintptr_t end, Wanted&& wanted, Visit&& visit) {
    const Locked locked(lock_);
    for (std::size_t index = first_after(begin); index < count_ && mappings_[index].begin < end;) {
      const Mapping whole = mappings_[index];
      if (!wanted(whole) || !isolate(index, begin, end)) {
        ++index;
        continue;
      }
      const Mapping& piece = mappings_[index];
      const std::int64_t others =
          (piece.begin > whole.begin ? 1 : 0) + (piece.end < whole.end ? 1 : 0);
      if (whole.is_counted()) visit(whole.record, Counter{-piece.size(), others - 1});
      erase(index);
    }
  }
  // The first piece in [begin, end), cut to it. false where there is none.
  bool first_in(std::uintptr_t begin, std::uintptr_t end, Mapping& piece);

  void clear();
  Lock& lock() { return lock_; }

 private:
  // The first one that ends after `address`.
  [[nodiscard]] std::size_t first_after(std::uintptr_t address) const;
  // Makes what of this one lies in [begin, end) one of its own, whose index it becomes.
  bool isolate(std::size_t& index, std::uintptr_t begin, std::uintptr_t end);
  // With those of the same origin that are alike; returns the index of what they have become.
  template <class Visit>
  std::size_t join_neighbours(std::size_t index, Visit&& visit) {
    join_next(index, visit);
    if (index == 0 || !can_join(index - 1)) return index;
    join_next(index - 1, visit);
    return index - 1;
  }
  template <class Visit>
  void join_next(std::size_t index, Visit&& visit) {
    if (!can_join(index)) return;
    mappings_[index].end = mappings_[index + 1].end;
    erase(index + 1);
    if (mappings_[index].is_counted()) visit(mappings_[index].record, Counter{0, -1});
  }
  [[nodiscard]] bool can_join(std::size_t first) const;
  bool insert(std::size_t index, const Mapping& mapping);
  void erase(std::size_t index);
  bool make_room();

  Lock lock_{LockRank::mappings};
  Mapping* mappings_ = nullptr;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
  std::uint64_t origins_ = 0;  // that there were
};
extern constinit MappingTable mapping_table;

}  // namespace memtrace::runtime
