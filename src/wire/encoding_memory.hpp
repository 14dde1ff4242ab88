// The memory that an encoder works in: the caller's own.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace memtrace::wire {

// Zeroed memory, or nullptr. Neither function throws.
struct EncodingMemory {
  void* (*allocate)(std::size_t size) = nullptr;
  void (*release)(void* memory, std::size_t size) = nullptr;
};

// Zeroed items of a fixed number. Empty where there was no memory.
template <class T>
class EncodingArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  EncodingArray() = default;
  ~EncodingArray() { release(); }
  EncodingArray(const EncodingArray&) = delete;
  EncodingArray& operator=(const EncodingArray&) = delete;

  // Once. false where there is no memory; no items need none.
  bool allocate(const EncodingMemory& memory, std::size_t size) {
    if (size == 0) return true;
    memory_ = &memory;
    items_ = static_cast<T*>(memory.allocate(size * sizeof(T)));
    allocated_ = size_ = items_ == nullptr ? 0 : size;
    return items_ != nullptr;
  }
  void release() {
    if (items_ != nullptr) memory_->release(items_, allocated_ * sizeof(T));
    items_ = nullptr;
    allocated_ = size_ = 0;
  }
  // Forgets items at the end; their memory stays.
  void shorten(std::size_t size) { size_ = size; }
  void swap(EncodingArray& other) {
    std::swap(memory_, other.memory_);
    std::swap(items_, other.items_);
    std::swap(allocated_, other.allocated_);
    std::swap(size_, other.size_);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t index) { return items_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return items_[index]; }
  [[nodiscard]] std::span<T> items() { return {items_, size_}; }
  [[nodiscard]] std::span<const T> items() const { return {items_, size_}; }
  [[nodiscard]] T* begin() { return items_; }
  [[nodiscard]] T* end() { return items_ + size_; }

 private:
  const EncodingMemory* memory_ = nullptr;
  T* items_ = nullptr;
  std::size_t allocated_ = 0;
  std::size_t size_ = 0;
};

}  // namespace memtrace::wire
