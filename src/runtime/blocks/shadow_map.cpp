#include "runtime/blocks/shadow_map.hpp"

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

std::uint32_t* ShadowMap::find_far(std::uintptr_t address) const {
  if (address >> kAddressBits != 0) return nullptr;
  const auto* const stretches = stretches_.load(std::memory_order_acquire);
  if (stretches == nullptr) return nullptr;
  const Stretch* const stretch =
      (*stretches)[address >> kStretchBits].load(std::memory_order_acquire);
  if (stretch == nullptr) return nullptr;
  std::uint32_t* const chunk = (*stretch)[place_of(address)].load(std::memory_order_acquire);
  return chunk == nullptr ? nullptr : chunk + slot_index(address);
}

std::uint32_t* ShadowMap::add(std::uintptr_t address) {
  const Locked locked(lock_);
  std::uint32_t* const present = find_far(address);
  if (present != nullptr) return present;
  auto* stretches = stretches_.load(std::memory_order_relaxed);
  if (stretches == nullptr) {
    stretches = static_cast<Stretches*>(map_memory(sizeof(Stretches)));
    if (stretches == nullptr) return nullptr;
    stretches_.store(stretches, std::memory_order_release);
  }
  auto& place = (*stretches)[address >> kStretchBits];
  Stretch* stretch = place.load(std::memory_order_relaxed);
  if (stretch == nullptr) {
    stretch = static_cast<Stretch*>(map_memory(sizeof(Stretch)));
    if (stretch == nullptr) return nullptr;
    place.store(stretch, std::memory_order_release);
  }
  auto* const made = static_cast<std::uint32_t*>(map_memory(kChunkMemory));
  constexpr std::uintptr_t kChunkMask = (std::uintptr_t{1} << kChunkBits) - 1;
  if (made == nullptr) return nullptr;
  if (!present_.push_back({made, address & ~kChunkMask})) {
    unmap_memory(made, kChunkMemory);
    return nullptr;
  }
  (*stretch)[place_of(address)].store(made, std::memory_order_release);
  std::uint64_t nobody = 0;
  near_[place_of(address)].compare_exchange_strong(nobody, near_entry(made, address),
                                                   std::memory_order_release);
  return made + slot_index(address);
}

void ShadowMap::clear_all() {
  for (const Chunk& chunk : present_.items()) clear_memory(chunk.slots, kChunkMemory);
}

void ShadowMap::release_all() {
  const Locked locked(lock_);
  auto* const stretches = stretches_.load(std::memory_order_relaxed);
  for (const Chunk& chunk : present_.items()) {
    const std::uintptr_t address = chunk.first_address;
    near_[place_of(address)].store(0, std::memory_order_relaxed);
    auto& place = (*stretches)[address >> kStretchBits];
    unmap_memory(place.load(std::memory_order_relaxed), sizeof(Stretch));
    place.store(nullptr, std::memory_order_relaxed);
    unmap_memory(chunk.slots, kChunkMemory);
  }
  present_.clear();
}

std::size_t ShadowMap::mapped_memory() const {
  return present_.size() * kChunkMemory;
}

}  // namespace memtrace::runtime
