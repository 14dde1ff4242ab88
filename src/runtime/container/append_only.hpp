// A table that only grows and never moves, so that its readers need no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/os/memory.hpp"

namespace memtrace::runtime {

// Room for `capacity` items is reserved as address space at first use; memory follows as items
// come. One writer at a time; size() and items below it may be read by any thread meanwhile.
template <class T>
class AppendOnly {
 public:
  constexpr explicit AppendOnly(std::uint32_t capacity) : capacity_(capacity) {}

  // false where it is full or the kernel gives no memory.
  bool push_back(const T& item) {
    const std::uint32_t size = size_.load(std::memory_order_relaxed);
    if (size == capacity_ || !reserve()) return false;
    items_[size] = item;
    size_.store(size + 1, std::memory_order_release);
    return true;
  }
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] const T& operator[](std::uint32_t index) const { return items_[index]; }
  [[nodiscard]] T& operator[](std::uint32_t index) { return items_[index]; }
  [[nodiscard]] std::span<const T> items() const { return {items_, size()}; }

  // Bytes of it that are in use.
  [[nodiscard]] std::size_t used_memory() const { return size() * sizeof(T); }

  // Forgets all items and gives their memory back. Nobody else may use it meanwhile.
  void clear() {
    unmap_memory(items_, capacity_ * sizeof(T));
    items_ = nullptr;
    size_.store(0, std::memory_order_relaxed);
  }

 private:
  bool reserve() {
    if (items_ == nullptr) items_ = static_cast<T*>(map_memory(capacity_ * sizeof(T)));
    return items_ != nullptr;
  }

  T* items_ = nullptr;
  std::uint32_t capacity_;
  std::atomic<std::uint32_t> size_{0};
};

}  // namespace memtrace::runtime
