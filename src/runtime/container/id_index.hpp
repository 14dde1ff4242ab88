// Finds an item of a table by its content: a hash index of ids. Used under the table's lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

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
