#include "runtime/blocks/mapping_table.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

constinit MappingTable mapping_table;

bool MappingTable::add(const Mapping& mapping) {
  const Locked locked(lock_);
  const std::size_t index = first_after(mapping.begin);
  if (!insert(index, mapping)) return false;
  if (mapping.origin == 0) mappings_[index].origin = ++origins_;
  return true;
}

void MappingTable::clear() {
  const Locked locked(lock_);
  count_ = 0;
}

std::size_t MappingTable::first_after(std::uintptr_t address) const {
  const Mapping* const found = std::upper_bound(
      mappings_, mappings_ + count_, address,
      [](std::uintptr_t wanted, const Mapping& mapping) { return wanted < mapping.end; });
  return static_cast<std::size_t>(found - mappings_);
}

bool MappingTable::first_in(std::uintptr_t begin, std::uintptr_t end, Mapping& piece) {
  const Locked locked(lock_);
  const std::size_t index = first_after(begin);
  if (index == count_ || mappings_[index].begin >= end) return false;
  piece = mappings_[index];
  piece.begin = std::max(piece.begin, begin);
  piece.end = std::min(piece.end, end);
  return true;
}

bool MappingTable::isolate(std::size_t& index, std::uintptr_t begin, std::uintptr_t end) {
  Mapping back = mappings_[index];
  if (end < back.end) {
    back.begin = end;
    if (!insert(index + 1, back)) return false;
    mappings_[index].end = end;
  }
  Mapping piece = mappings_[index];
  if (begin <= piece.begin) return true;
  piece.begin = begin;
  if (!insert(index + 1, piece)) return false;
  mappings_[index].end = begin;
  ++index;
  return true;
}

bool MappingTable::can_join(std::size_t first) const {
  if (first + 1 >= count_) return false;
  const Mapping& a = mappings_[first];
  const Mapping& b = mappings_[first + 1];
  const bool are_alike = a.origin == b.origin && a.state == b.state && !a.is_leaving &&
                         !b.is_leaving &&
                         (a.state == MappingState::reserved || a.record == b.record);
  return a.end == b.begin && are_alike;
}

bool MappingTable::insert(std::size_t index, const Mapping& mapping) {
  if (count_ == capacity_ && !make_room()) return false;
  std::memmove(mappings_ + index + 1, mappings_ + index, (count_ - index) * sizeof(Mapping));
  mappings_[index] = mapping;
  ++count_;
  return true;
}

void MappingTable::erase(std::size_t index) {
  std::memmove(mappings_ + index, mappings_ + index + 1, (count_ - index - 1) * sizeof(Mapping));
  --count_;
}

bool MappingTable::make_room() {
  constexpr std::size_t kFirstCapacity = 1024;
  const std::size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  auto* const larger = static_cast<Mapping*>(map_memory(capacity * sizeof(Mapping)));
  if (larger == nullptr) return false;
  if (count_ > 0) std::memcpy(larger, mappings_, count_ * sizeof(Mapping));
  unmap_memory(mappings_, capacity_ * sizeof(Mapping));
  mappings_ = larger;
  capacity_ = capacity;
  return true;
}

}  // namespace memtrace::runtime
