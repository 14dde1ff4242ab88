// A hash whose keys an adversary does not know: equal 64-bit values stand for equal inputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/os/memory.hpp"
#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// Filled with random words by prepare_hash_keys(), before tracing starts.
inline constexpr std::size_t kHashKeys = 64;
alignas(64) extern constinit std::array<std::uint64_t, kHashKeys> hash_keys;
void prepare_hash_keys();

__extension__ typedef unsigned __int128 DoubleWord;

inline std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  const DoubleWord product = DoubleWord{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Sums products of keyed pairs of words: pairs do not wait for each other. At most kHashKeys words
// before the keys repeat, rotated by what came before.
class PairHash {
 public:
  // The keys, where they are not at hand: in another library.
  explicit PairHash(const std::uint64_t* keys = hash_keys.data()) : keys_(keys) {}

  void add(std::uint64_t first, std::uint64_t second) {
    sum_ += DoubleWord{first + keys_[key_]} * (second + keys_[key_ + 1]);
    key_ = (key_ + 2) % kHashKeys;
    if (key_ == 0) [[unlikely]]
      sum_ = fold(sum_);
  }
  [[nodiscard]] std::uint64_t finish() const { return fold(sum_); }

 private:
  [[nodiscard]] std::uint64_t fold(DoubleWord sum) const {
    return fold_product(static_cast<std::uint64_t>(sum) ^ keys_[0],
                        static_cast<std::uint64_t>(sum >> 64) ^ keys_[1]);
  }

  const std::uint64_t* keys_;
  DoubleWord sum_ = 0;
  std::size_t key_ = 0;
};

// For tables: not keyed against anybody, quick.
inline std::uint64_t scatter(std::uint64_t a, std::uint64_t b = 0) {
  constexpr std::uint64_t kOther = 0xD6E8FEB86659FD93;
  return fold_product(a ^ wire::kGoldenRatio, b ^ kOther);
}

// Finds an item of a table by its content: a hash index of ids. Used under the table's lock.
class IdIndex {
 public:
  static constexpr std::uint32_t kNotFound = 0xFFFFFFFF;

  // The id among those added with `hash` for which is_equal(id).
  template <class IsEqual>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, IsEqual&& is_equal) const {
    if (capacity_ == 0) return kNotFound;
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::size_t place = tag & (capacity_ - 1); places_[place].id_plus_one != 0;
         place = (place + 1) & (capacity_ - 1)) {
      const Place& found = places_[place];
      if (found.tag == tag && is_equal(found.id_plus_one - 1)) return found.id_plus_one - 1;
    }
    return kNotFound;
  }

  // false where there is no memory.
  bool add(std::uint64_t hash, std::uint32_t id) {
    if (used_ * 4 >= capacity_ * 3 && !grow()) return false;
    put(places_, capacity_, {static_cast<std::uint32_t>(hash), id + 1});
    ++used_;
    return true;
  }

  // Forgets all items and gives their memory back.
  void clear() {
    unmap_memory(places_, capacity_ * sizeof(Place));
    places_ = nullptr;
    capacity_ = used_ = 0;
  }

 private:
  struct Place {
    std::uint32_t tag = 0;
    std::uint32_t id_plus_one = 0;  // 0: empty
  };

  static void put(Place* places, std::size_t capacity, Place item) {
    std::size_t place = item.tag & (capacity - 1);
    while (places[place].id_plus_one != 0) place = (place + 1) & (capacity - 1);
    places[place] = item;
  }

  bool grow() {
    constexpr std::size_t kFirstCapacity = 1024;
    const std::size_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
    auto* const places = static_cast<Place*>(map_backed_memory(capacity * sizeof(Place)));
    if (places == nullptr) return false;
    for (std::size_t place = 0; place < capacity_; ++place) {
      if (places_[place].id_plus_one != 0) put(places, capacity, places_[place]);
    }
    unmap_memory(places_, capacity_ * sizeof(Place));
    places_ = places;
    capacity_ = capacity;
    return true;
  }

  Place* places_ = nullptr;
  std::size_t capacity_ = 0;  // a power of two
  std::size_t used_ = 0;
};

}  // namespace memtrace::runtime
