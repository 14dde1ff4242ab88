#include "runtime/tracer/known_stacks.hpp"

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

bool KnownStacks::prepare() {
  constexpr std::size_t kFirstCapacity = 4096;
  if (table_.load(std::memory_order_relaxed) != nullptr) return true;
  Table* const first = make_table(kFirstCapacity);
  if (first == nullptr) return false;
  table_.store(first, std::memory_order_release);
  return true;
}

bool KnownStacks::put(std::uint64_t hash, RecordId record, std::uint32_t generation) {
  if (!make_room(generation)) return false;
  put_into(table_.load(std::memory_order_relaxed), hash, record, generation);
  return true;
}

KnownStacks::Table* KnownStacks::make_table(std::size_t capacity) {
  auto* const table =
      static_cast<Table*>(map_backed_memory(sizeof(Table) + capacity * sizeof(Known)));
  if (table != nullptr) table->capacity = capacity;
  return table;
}

void KnownStacks::put_into(Table* table, std::uint64_t hash, RecordId record,
                           std::uint32_t generation) {
  const std::size_t mask = table->capacity - 1;
  std::size_t place = (hash >> 1) & mask;
  while (table->items()[place].hash.load(std::memory_order_relaxed) != 0) {
    place = (place + 1) & mask;
  }
  Known& known = table->items()[place];
  known.record = record;
  known.generation = generation;
  known.hash.store(hash, std::memory_order_release);
  ++table->used;
}

bool KnownStacks::make_room(std::uint32_t generation) {
  Table* const table = table_.load(std::memory_order_relaxed);
  if (table->used * 2 < table->capacity) return true;
  std::size_t alive = 0;
  for (std::size_t place = 0; place < table->capacity; ++place) {
    if (table->items()[place].generation == generation) ++alive;
  }
  Table* const larger =
      make_table(alive * 4 < table->capacity ? table->capacity : table->capacity * 2);
  if (larger == nullptr) return table->used + 1 < table->capacity;
  for (std::size_t place = 0; place < table->capacity; ++place) {
    const Known& known = table->items()[place];
    const std::uint64_t hash = known.hash.load(std::memory_order_relaxed);
    if (hash != 0 && known.generation == generation) {
      put_into(larger, hash, known.record, generation);
    }
  }
  table_.store(larger, std::memory_order_release);
  return true;
}

void KnownStacks::clear() {
  Table* const table = table_.load(std::memory_order_relaxed);
  if (table == nullptr || table->used == 0) return;
  const std::size_t capacity = table->capacity;
  clear_memory(table, sizeof(Table) + capacity * sizeof(Known));
  table->capacity = capacity;
}

std::size_t KnownStacks::used_memory() const {
  const Table* const table = table_.load(std::memory_order_relaxed);
  return table == nullptr ? 0 : 2 * table->capacity * sizeof(Known);
}

}  // namespace memtrace::runtime
