#include "runtime/stacks/known_stacks.hpp"

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

bool KnownStacks::prepare() {
  if (capacity_.load(std::memory_order_relaxed) != 0) return true;
  if (!map_segment(0)) return false;
  capacity_.store(kFirst, std::memory_order_release);
  return true;
}

bool KnownStacks::map_segment(std::size_t segment) {
  if (segments_[segment].load(std::memory_order_relaxed) != nullptr) return true;
  auto* const items = static_cast<Known*>(map_backed_memory(size_of(segment) * sizeof(Known)));
  segments_[segment].store(items, std::memory_order_release);
  return items != nullptr;
}

bool KnownStacks::put(std::uint64_t hash, RecordId record, std::uint32_t generation) {
  if (!make_room(generation)) return false;
  put_into_place(hash, record, generation);
  return true;
}

void KnownStacks::put_into_place(std::uint64_t hash, RecordId record, std::uint32_t generation) {
  const std::size_t mask = capacity_.load(std::memory_order_relaxed) - 1;
  std::size_t place = (hash >> 1) & mask;
  while (at(place).hash.load(std::memory_order_relaxed) != 0) place = (place + 1) & mask;
  Known& known = at(place);
  known.record.store(record, std::memory_order_relaxed);
  known.generation = generation;
  known.hash.store(hash, std::memory_order_release);
  ++used_;
}

std::size_t KnownStacks::count_alive(std::uint32_t generation) const {
  std::size_t alive = 0;
  for (std::size_t place = 0; place < capacity_.load(std::memory_order_relaxed); ++place) {
    const Known& known = at(place);
    const bool is_empty = known.hash.load(std::memory_order_relaxed) == 0;
    if (!is_empty && known.generation == generation) ++alive;
  }
  return alive;
}

bool KnownStacks::make_room(std::uint32_t generation) {
  const std::size_t capacity = capacity_.load(std::memory_order_relaxed);
  if (used_ * 2 < capacity) return true;
  const std::size_t alive = count_alive(generation);
  const std::size_t next = segment_of(capacity);
  const bool grows = alive * 4 >= capacity && next < kMostSegments && map_segment(next);
  const bool helps = grows || alive < used_;
  return (helps && put_in_order(alive, grows ? capacity * 2 : capacity, generation)) ||
         used_ + 1 < capacity;
}

// Takes the living ones out, and puts them where they belong now.
bool KnownStacks::put_in_order(std::size_t alive, std::size_t capacity, std::uint32_t generation) {
  MappedArray<Alive> living;
  if (!living.allocate(alive)) return false;
  std::size_t taken = 0;
  for (std::size_t place = 0; place < capacity_.load(std::memory_order_relaxed); ++place) {
    const Known& known = at(place);
    const std::uint64_t hash = known.hash.load(std::memory_order_relaxed);
    if (hash == 0 || known.generation != generation) continue;
    living[taken++] = {hash, known.record.load(std::memory_order_relaxed)};
  }
  version_.fetch_add(1, std::memory_order_acq_rel);
  forget_all();
  capacity_.store(capacity, std::memory_order_release);
  for (const Alive& known : living) put_into_place(known.hash, known.record, generation);
  version_.fetch_add(1, std::memory_order_release);
  return true;
}

void KnownStacks::forget_all() {
  for (std::size_t place = 0; place < capacity_.load(std::memory_order_relaxed); ++place) {
    at(place).hash.store(0, std::memory_order_relaxed);
  }
  used_ = 0;
}

void KnownStacks::clear() {
  if (used_ == 0) return;
  for (std::size_t segment = 0; segment < kMostSegments; ++segment) {
    clear_memory(segments_[segment].load(std::memory_order_relaxed),
                 size_of(segment) * sizeof(Known));
  }
  used_ = 0;
}

void KnownStacks::release() {
  for (std::size_t segment = 0; segment < kMostSegments; ++segment) {
    unmap_memory(segments_[segment].load(std::memory_order_relaxed),
                 size_of(segment) * sizeof(Known));
    segments_[segment].store(nullptr, std::memory_order_relaxed);
  }
  capacity_.store(0, std::memory_order_relaxed);
  used_ = 0;
}

}  // namespace memtrace::runtime
