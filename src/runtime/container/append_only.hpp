// A table that only grows and never moves, so that its readers need no lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

// Where the items of a growing table lie: in segments, each twice as long as the one before.
template <class T>
struct Segments {
  static constexpr std::uint32_t kFirst = std::bit_floor((std::uint32_t{16} << 10) / sizeof(T));
  static constexpr std::size_t kMost = 33 - std::bit_width(kFirst);
  using Pointers = std::array<T*, kMost>;

  static std::size_t segment_of(std::uint32_t index) {
    return static_cast<std::size_t>(std::bit_width(index / kFirst + 1) - 1);
  }
  static std::size_t size_of(std::size_t segment) { return std::size_t{kFirst} << segment; }
  static std::size_t first_of(std::size_t segment) { return size_of(segment) - kFirst; }
};

// The items that a table had at a moment.
template <class T>
class TableItems {
 public:
  TableItems() = default;
  TableItems(const typename Segments<T>::Pointers& segments, std::uint32_t size)
      : segments_(&segments), size_(size) {}

  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] const T& operator[](std::size_t index) const {
    const std::size_t segment = Segments<T>::segment_of(static_cast<std::uint32_t>(index));
    return (*segments_)[segment][index - Segments<T>::first_of(segment)];
  }

  class Iterator {
   public:
    Iterator(const TableItems& items, std::uint32_t index) : items_(&items), index_(index) {}
    const T& operator*() const { return (*items_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const TableItems* items_;
    std::uint32_t index_;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size_}; }

 private:
  const typename Segments<T>::Pointers* segments_ = nullptr;
  std::uint32_t size_ = 0;
};

// Room for up to `capacity` items is mapped as they come. One writer at a time; size() and items
// below it may be read by any thread meanwhile.
template <class T>
class AppendOnly {
 public:
  constexpr explicit AppendOnly(std::uint32_t capacity) : capacity_(capacity) {}

  // false where it is full or the kernel gives no memory.
  bool push_back(const T& item) {
    const std::uint32_t size = size_.load(std::memory_order_relaxed);
    if (size == capacity_ || !make_room(size)) return false;
    (*this)[size] = item;
    size_.store(size + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] const T& operator[](std::uint32_t index) const { return *place_of(index); }
  [[nodiscard]] T& operator[](std::uint32_t index) { return *place_of(index); }
  [[nodiscard]] TableItems<T> items() const { return {segments_, size()}; }

  // Forgets all items and gives their memory back. Nobody else may use it meanwhile.
  void clear() {
    for (std::size_t segment = 0; segment < segments_.size(); ++segment) {
      unmap_memory(segments_[segment], Segments<T>::size_of(segment) * sizeof(T));
      segments_[segment] = nullptr;
    }
    size_.store(0, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] T* place_of(std::uint32_t index) const {
    const std::size_t segment = Segments<T>::segment_of(index);
    return segments_[segment] + (index - Segments<T>::first_of(segment));
  }
  bool make_room(std::uint32_t index) {
    const std::size_t segment = Segments<T>::segment_of(index);
    T*& items = segments_[segment];
    if (items == nullptr) {
      items = static_cast<T*>(map_memory(Segments<T>::size_of(segment) * sizeof(T)));
    }
    return items != nullptr;
  }

  typename Segments<T>::Pointers segments_{};
  std::uint32_t capacity_;
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace memtrace::runtime
