// Arrays for the length of a task, in pages of the tracer's own.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <type_traits>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

// Asks for pages of 2 MiB. Where there are none, nothing changes.
inline void prefer_large_pages(void* memory, std::size_t size) {
  if (memory != nullptr) system_call(SYS_madvise, memory, size, MADV_HUGEPAGE);
}

// Zeroed memory for the length of a task, or nullptr.
inline void* map_task_memory(std::size_t size) {
  constexpr std::size_t kLarge = std::size_t{4} << 20;
  void* const memory = map_memory(size);
  // A fifth of the time of a large task would go into page faults.
  if (size >= kLarge) prefer_large_pages(memory, size);
  return memory;
}

// Zeroed items of a fixed number, gone with the scope. Empty where the kernel gave no memory.
template <class T>
class MappedArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  MappedArray() = default;
  ~MappedArray() { unmap_memory(items_, size_ * sizeof(T)); }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;

  // Once. false where there is no memory; no items need none.
  bool allocate(std::size_t size) {
    if (size == 0) return true;
    items_ = static_cast<T*>(map_task_memory(size * sizeof(T)));
    size_ = items_ == nullptr ? 0 : size;
    return items_ != nullptr;
  }
  // Forgets items at the end; their memory stays.
  void shorten(std::size_t size) { used_less_ = size_ - size; }

  [[nodiscard]] std::size_t size() const { return size_ - used_less_; }
  [[nodiscard]] T& operator[](std::size_t index) { return items_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return items_[index]; }
  [[nodiscard]] std::span<T> items() { return {items_, size()}; }
  [[nodiscard]] std::span<const T> items() const { return {items_, size()}; }
  [[nodiscard]] T* begin() { return items_; }
  [[nodiscard]] T* end() { return items_ + size(); }

 private:
  T* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_less_ = 0;
};

}  // namespace memtrace::runtime
