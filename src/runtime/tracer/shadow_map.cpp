#include "runtime/tracer/shadow_map.hpp"

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

bool ShadowMap::prepare() {
  if (chunks_ == nullptr) {
    chunks_ = static_cast<std::atomic<std::uint32_t*>*>(map_memory(kChunks * sizeof *chunks_));
  }
  return chunks_ != nullptr;
}

std::uint32_t* ShadowMap::add(std::uintptr_t address) {
  const Locked locked(lock_);
  std::uint32_t* const present = find(address);
  if (present != nullptr) return present;
  auto* const made = static_cast<std::uint32_t*>(map_memory(kChunkMemory));
  constexpr std::uintptr_t kChunkMask = (std::uintptr_t{1} << kChunkBits) - 1;
  if (made == nullptr || !present_.push_back({made, address & ~kChunkMask})) return nullptr;
  chunks_[address >> kChunkBits].store(made, std::memory_order_release);
  return made + slot_index(address);
}

void ShadowMap::clear_all() {
  for (const Chunk& chunk : present_.items()) clear_memory(chunk.slots, kChunkMemory);
}

std::size_t ShadowMap::used_memory() const {
  std::size_t used = 0;
  for (const Chunk& chunk : present_.items()) used += resident_memory(chunk.slots, kChunkMemory);
  return used;
}

}  // namespace memtrace::runtime
