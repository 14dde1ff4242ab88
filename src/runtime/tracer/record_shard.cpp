#include "runtime/tracer/record_shard.hpp"

#include <cstring>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

template <class Item>
Item* Shard<Item>::add(RecordId id) {
  constexpr std::size_t kChunksAtOnce = 16;
  if (chunks_ == nullptr) {
    chunks_ = static_cast<Item**>(map_memory(kChunks * sizeof(Item*)));
    if (chunks_ == nullptr) return nullptr;
  }
  if (spare_chunks_ == 0) {
    spare_ = static_cast<Item*>(map_memory(kChunksAtOnce * kChunkMemory));
    if (spare_ == nullptr) return nullptr;
    spare_chunks_ = kChunksAtOnce;
  }
  chunks_[id >> kChunkBits] = spare_;
  spare_ += kChunkRecords;
  --spare_chunks_;
  ++chunk_count_;
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
