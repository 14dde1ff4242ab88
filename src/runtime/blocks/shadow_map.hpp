// Which traceback a small block belongs to: four bytes for each granule of 16 bytes of the heap.
//
//   slot of the block's first granule   bits 5-31 record, bits 0-4: the size if at most 16, else
//                                       kSizeInNextSlot
//   slot of its second granule          the size
//
// A block that is longer than a granule owns two slots, so that no size is rounded and malloc need
// not be asked what it really gave. A slot belongs to whoever owns the block: it is written and
// read without a lock, and neighbours in the heap are neighbours in the map.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "runtime/container/append_only.hpp"
#include "runtime/counters/record_shard.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/own_mappings.hpp"

namespace memtrace::runtime {

struct Block {
  RecordId record = kNoRecord;
  std::int64_t size = 0;
};

class ShadowMap {
 public:
  // Larger blocks would leave most of the map's pages almost empty.
  static constexpr std::size_t kSmall = 1024;  // bytes

  static bool takes(std::uintptr_t address, std::size_t size) {
    return size < kSmall && address % kGranule == 0 && address >> kAddressBits == 0;
  }

  // Where takes(): remembers the block and returns the one that was remembered there, whose end
  // nobody told. false in `stored` where there is no memory.
  Block put(std::uintptr_t address, Block block, bool& stored) {
    std::uint32_t* const slot = find_or_add(address);
    stored = slot != nullptr;
    if (!stored) return {};
    Block previous;
    if (*slot != 0) [[unlikely]] {
      previous = read(slot);
      clear(slot);
    }
    if (block.size <= kLongestInFirstSlot) {
      *slot = block.record << kSizeBits | static_cast<std::uint32_t>(block.size);
    } else {
      write_both(slot, block.record << kSizeBits | kSizeInNextSlot,
                 static_cast<std::uint32_t>(block.size));
    }
    return previous;
  }
  // Forgets the block and returns it; kNoRecord where none is remembered.
  Block take(std::uintptr_t address) {
    std::uint32_t* const slot = find(address);
    if (slot == nullptr) return {};
    const Block block = read(slot);
    clear(slot);
    return block;
  }
  // Of any address at all.
  [[nodiscard]] Block peek(std::uintptr_t address) const {
    const std::uint32_t* slot = address % kGranule == 0 ? find_far(address) : nullptr;
    if (slot != nullptr && is_second(slot, address)) slot = nullptr;
    return slot == nullptr ? Block{} : read(slot);
  }

  // Of an address that the program can write to, perhaps inside of a block.
  [[nodiscard]] bool knows(std::uintptr_t address) const {
    const std::uint32_t* const slot = find(address);
    return slot != nullptr && *slot != 0 && !is_second(slot, address);
  }
  // Gives the block that it knows there another record, and returns what it was.
  Block change_record(std::uintptr_t address, RecordId record) {
    std::uint32_t* const slot = find(address);
    if (slot == nullptr) return {};
    const Block block = read(slot);
    if (block.record != kNoRecord) *slot = record << kSizeBits | (*slot & kSizeMask);
    return block;
  }

  // Calls visit(address, block) for all blocks. The gate must be held. Reads what is in use of the
  // map: about a nanosecond a block where blocks lie close.
  template <class Visit>
  void for_each(Visit&& visit) const;

  // Forgets all blocks. The gate must be held.
  void clear_all();
  // The same, and gives back the address space, too. Nobody may be in the middle of a section.
  void release_all();
  // Bytes of address space that release_all() gives back.
  [[nodiscard]] std::size_t mapped_memory() const;
  // Around a fork.
  Lock& lock() { return lock_; }

 private:
  static constexpr std::size_t kGranule = 16;
  static constexpr unsigned kAddressBits = 47;
  static constexpr unsigned kChunkBits = 21;  // a chunk maps 2 MiB of addresses
  static constexpr std::size_t kChunkSlots = (std::size_t{1} << kChunkBits) / kGranule;
  // The second granule of a chunk's last block is in the next chunk, its slot at the end of this.
  static constexpr std::size_t kChunkMemory = (kChunkSlots + 1) * sizeof(std::uint32_t);
  static constexpr std::size_t kChunks = std::size_t{1} << (kAddressBits - kChunkBits);
  static constexpr unsigned kStretchBits = 33;  // a stretch is 8 GiB of addresses
  static constexpr std::size_t kPlaces = std::size_t{1} << (kStretchBits - kChunkBits);
  // By address: the chunks of a stretch, and the stretches.
  using Stretch = std::array<std::atomic<std::uint32_t*>, kPlaces>;
  using Stretches =
      std::array<std::atomic<Stretch*>, std::size_t{1} << (kAddressBits - kStretchBits)>;
  static constexpr unsigned kSizeBits = 5;
  static constexpr std::uint32_t kSizeMask = (1U << kSizeBits) - 1;
  static constexpr std::uint32_t kLongestInFirstSlot = kGranule;
  static constexpr std::uint32_t kSizeInNextSlot = kSizeMask;
  static_assert(kRecordIdBits + kSizeBits == 32);

  static std::size_t slot_index(std::uintptr_t address) { return address / kGranule % kChunkSlots; }
  static std::size_t place_of(std::uintptr_t address) {
    return address >> kChunkBits & (kPlaces - 1);
  }
  // What near_ holds of a chunk: its slots, and above them, where they have no bits, which stretch
  // it is in, as a complement, so that zero is of none.
  static std::uint64_t near_entry(const std::uint32_t* chunk, std::uintptr_t address) {
    return ~(reinterpret_cast<std::uintptr_t>(chunk) | address >> kStretchBits << kAddressBits);
  }
  [[nodiscard]] std::uint32_t* find(std::uintptr_t address) const {
    if (address % kGranule != 0) return nullptr;
    const std::uintptr_t entry = near_[place_of(address)].load(std::memory_order_acquire);
    const std::uintptr_t chunk = ~entry ^ address >> kStretchBits << kAddressBits;
    if (chunk >> kAddressBits != 0) [[unlikely]]
      return find_far(address);
    return reinterpret_cast<std::uint32_t*>(chunk) + slot_index(address);
  }
  [[nodiscard, gnu::noinline, gnu::cold]] std::uint32_t* find_far(std::uintptr_t address) const;
  std::uint32_t* find_or_add(std::uintptr_t address) {
    std::uint32_t* const slot = find(address);
    return slot != nullptr ? slot : add(address);
  }
  [[gnu::noinline, gnu::cold]] std::uint32_t* add(std::uintptr_t address);

  // Whether the slot before is that of a block that owns this one, too. Of those that own one only,
  // none looks like that.
  static bool is_second(const std::uint32_t* slot, std::uintptr_t address) {
    return slot_index(address) > 0 && slot[-1] > kSizeMask &&
           (slot[-1] & kSizeMask) == kSizeInNextSlot;
  }
  static Block read(const std::uint32_t* slot) {
    const std::uint32_t first = *slot;
    const std::uint32_t size = first & kSizeMask;
    if (size != kSizeInNextSlot) return {first >> kSizeBits, size};
    return {first >> kSizeBits, slot[1]};
  }
  static void write_both(std::uint32_t* slot, std::uint32_t first, std::uint32_t second) {
    const std::uint64_t both = std::uint64_t{second} << 32 | first;
    std::memcpy(slot, &both, sizeof both);
  }
  static void clear(std::uint32_t* slot) {
    if ((*slot & kSizeMask) == kSizeInNextSlot) {
      write_both(slot, 0, 0);
    } else if (*slot != 0) {
      *slot = 0;
    }
  }

  struct Chunk {
    std::uint32_t* slots = nullptr;
    std::uintptr_t first_address = 0;
  };
  // The first chunk that came to each place of a stretch: in nearly all programs all of them, which
  // are found with one load. A heap of more than a stretch, or one that two stretches share, has
  // others behind, in the tables of all.
  std::array<std::atomic<std::uint64_t>, kPlaces> near_{};
  std::atomic<Stretches*> stretches_{nullptr};
  AppendOnly<Chunk> present_{kChunks};  // those that are there
  Lock lock_{LockRank::shadow_map};     // of adding one
};

template <class Visit>
void ShadowMap::for_each(Visit&& visit) const {
  constexpr std::size_t kPageSlots = TouchedPages::kPage / sizeof(std::uint32_t);
  TouchedPages touched;
  for (const Chunk& chunk : present_.items()) {
    const auto begin = reinterpret_cast<std::uintptr_t>(chunk.slots);
    const std::uintptr_t end = begin + kChunkSlots * sizeof(std::uint32_t);
    for (std::size_t slot = 0; slot < kChunkSlots;) {
      if (slot % kPageSlots <= 1) {
        slot = (touched.next(begin + slot * sizeof(std::uint32_t), end) - begin) /
               sizeof(std::uint32_t);
        if (slot == kChunkSlots) break;
      }
      const std::uint32_t first = chunk.slots[slot];
      if (first != 0) visit(chunk.first_address + slot * kGranule, read(chunk.slots + slot));
      // The second slot of a block is no first one.
      slot += (first & kSizeMask) == kSizeInNextSlot ? 2 : 1;
    }
  }
}

}  // namespace memtrace::runtime
