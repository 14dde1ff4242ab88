#include "runtime/counters/record_shard.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

template <class Item>
bool Shard<Item>::make_room(std::size_t chunk) {
  constexpr std::size_t kFirstRoom = 512;
  if (chunk < room_) return true;
  const std::size_t room = std::max({kFirstRoom, 2 * room_, std::bit_ceil(chunk + 1)});
  auto** const larger = static_cast<Item**>(map_memory(room * sizeof(Item*)));
  if (larger == nullptr) return false;
  if (room_ > 0) std::memcpy(larger, chunks_, room_ * sizeof(Item*));
  unmap_memory(chunks_, room_ * sizeof(Item*));
  chunks_ = larger;
  room_ = room;
  return true;
}

template <class Item>
Item* Shard<Item>::add(RecordId id) {
  constexpr std::size_t kChunksAtOnce = 4;
  if (!make_room(id >> kChunkBits)) return nullptr;
  if (spare_chunks_ == 0) {
    spare_ = static_cast<Item*>(map_memory(kChunksAtOnce * kChunkMemory));
    if (spare_ == nullptr) return nullptr;
    spare_chunks_ = kChunksAtOnce;
  }
  chunks_[id >> kChunkBits] = spare_;
  spare_ += kChunkRecords;
  --spare_chunks_;
  chunk_end_ = std::max<std::size_t>(chunk_end_, (id >> kChunkBits) + 1);
  return chunks_[id >> kChunkBits] + (id & (kChunkRecords - 1));
}

template <class Item>
void Shard<Item>::clear() {
  for (std::size_t chunk = 0; chunk < chunk_end_; ++chunk) {
    if (chunks_[chunk] != nullptr) {
      std::memset(static_cast<void*>(chunks_[chunk]), 0, kChunkMemory);
    }
  }
}

template class Shard<Record>;
template class Shard<VarianceRecord>;

}  // namespace memtrace::runtime
