// The blocks that the shadow map does not take: large ones, those at odd addresses, those of other
// domains. Open addressing under a lock for each shard.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

inline std::uint64_t hash_of(std::uint64_t key) {
  return scatter(key);
}

// `Value` is what is remembered of a key; `Value{}` is nothing, and no key is `Key{}`.
template <class Value, LockRank kRank, class Key = std::uint64_t>
class BlockTable {
 public:
  // What was remembered before goes to `previous`. false where there is no memory.
  bool put(const Key& key, const Value& value, Value& previous) {
    const std::uint64_t hash = hash_of(key);
    Shard& shard = shard_of(hash);
    const Locked locked(shard.lock);
    if (shard.size() * 4 >= shard.capacity * 3 && !grow(shard)) return false;
    Item* const item = find(shard, key, hash);
    previous = item->key == key ? item->value : Value{};
    if (item->key != key) shard.set_size(shard.size() + 1);
    *item = {key, value};
    return true;
  }

  // Forgets the key. false where it is not known.
  bool take(const Key& key, Value& value) {
    const std::uint64_t hash = hash_of(key);
    Shard& shard = shard_of(hash);
    if (shard.size() == 0) return false;
    const Locked locked(shard.lock);
    return take_locked(shard, key, hash, value);
  }
  // The same where the calling thread may have been interrupted anywhere, in this table or under a
  // lock that a fork waits for, which holds this one: it does not wait for long. false where nobody
  // can tell; otherwise true, and `value` stays as it is where the key is not known.
  bool take_in_handler(const Key& key, Value& value) {
    const std::uint64_t hash = hash_of(key);
    Shard& shard = shard_of(hash);
    if (!shard.lock.lock_until(monotonic_time() + kPatience)) return false;
    take_locked(shard, key, hash, value);
    shard.lock.unlock();
    return true;
  }
  bool peek(const Key& key, Value& value) {
    const std::uint64_t hash = hash_of(key);
    Shard& shard = shard_of(hash);
    const Locked locked(shard.lock);
    if (shard.capacity == 0) return false;
    const Item* const item = find(shard, key, hash);
    if (item->key != key) return false;
    value = item->value;
    return true;
  }

  // Calls visit(key, value) for all. It must not come back to this table.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (Shard& shard : shards_) {
      const Locked locked(shard.lock);
      for (std::size_t place = 0; place < shard.capacity; ++place) {
        const Item& item = shard.items[place];
        if (item.key != Key{}) visit(item.key, item.value);
      }
    }
  }

  // Where a thread stands still in a part of it, that part stays.
  void clear() {
    for (Shard& shard : shards_) {
      if (!shard.lock.lock_until(monotonic_time() + kPatience)) continue;
      unmap_memory(shard.items, shard.capacity * sizeof(Item));
      shard.items = nullptr;
      shard.capacity = 0;
      shard.set_size(0);
      shard.lock.unlock();
    }
  }
  // Bytes of address space that clear() gives back.
  [[nodiscard]] std::size_t mapped_memory() const {
    std::size_t mapped = 0;
    for (const Shard& shard : shards_) mapped += shard.mapped();
    return mapped;
  }

  template <class Visit>
  void for_each_lock(Visit&& visit) {
    for (Shard& shard : shards_) visit(shard.lock);
  }

 private:
  static constexpr unsigned kShardBits = 6;
  static constexpr std::size_t kFirstCapacity = 64;
  static constexpr std::int64_t kPatience = 20 * kMillisecond;

  struct Item {
    Key key;  // Key{}: empty
    Value value;
  };
  struct alignas(64) Shard {
    Lock lock{kRank};
    Item* items = nullptr;
    std::size_t capacity = 0;  // a power of two
    std::atomic<std::size_t> used{0};

    [[nodiscard]] std::size_t mapped() const {
      return items == nullptr ? 0 : capacity * sizeof(Item);
    }
    [[nodiscard]] std::size_t size() const { return used.load(std::memory_order_relaxed); }
    void set_size(std::size_t size) { used.store(size, std::memory_order_relaxed); }
  };

  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> (64 - kShardBits)]; }

  // The key's place, or the empty one where it would go. There always is one.
  static Item* find(const Shard& shard, const Key& key, std::uint64_t hash) {
    const std::size_t mask = shard.capacity - 1;
    std::size_t place = hash & mask;
    while (shard.items[place].key != key && shard.items[place].key != Key{}) {
      place = (place + 1) & mask;
    }
    return &shard.items[place];
  }

  bool take_locked(Shard& shard, const Key& key, std::uint64_t hash, Value& value) {
    if (shard.capacity == 0) return false;
    const Item* const item = find(shard, key, hash);
    if (item->key != key) return false;
    value = item->value;
    remove(shard, static_cast<std::size_t>(item - shard.items));
    return true;
  }

  // Moves up what could not lie where it belongs because of the one that goes.
  void remove(Shard& shard, std::size_t hole) {
    const std::size_t mask = shard.capacity - 1;
    for (std::size_t place = (hole + 1) & mask; shard.items[place].key != Key{};
         place = (place + 1) & mask) {
      const std::size_t home = hash_of(shard.items[place].key) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      shard.items[hole] = shard.items[place];
      hole = place;
    }
    shard.items[hole] = Item{};
    shard.set_size(shard.size() - 1);
  }

  bool grow(Shard& shard) {
    Shard larger;
    larger.capacity = shard.capacity == 0 ? kFirstCapacity : shard.capacity * 2;
    larger.items = static_cast<Item*>(map_backed_memory(larger.capacity * sizeof(Item)));
    if (larger.items == nullptr) return false;
    for (std::size_t place = 0; place < shard.capacity; ++place) {
      const Item& item = shard.items[place];
      if (item.key != Key{}) *find(larger, item.key, hash_of(item.key)) = item;
    }
    unmap_memory(shard.items, shard.capacity * sizeof(Item));
    shard.items = larger.items;
    shard.capacity = larger.capacity;
    return true;
  }

  std::array<Shard, std::size_t{1} << kShardBits> shards_{};
};

}  // namespace memtrace::runtime
