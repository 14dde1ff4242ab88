// A little memory for the time before the real malloc is known. Nothing is given back.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memtrace::runtime {

class BootstrapPool {
 public:
  // Zeroed, and aligned for anything; nullptr where the room does not suffice.
  void* allocate(std::size_t size) {
    constexpr std::size_t kHeader = 16;
    if (size > kRoom) return nullptr;
    const std::size_t whole = kHeader + ((size + kHeader - 1) & ~(kHeader - 1));
    const std::size_t begin = used_.fetch_add(whole, std::memory_order_relaxed);
    if (begin + whole > kRoom) return nullptr;
    std::uint8_t* const block = memory_.data() + begin + kHeader;
    *reinterpret_cast<std::size_t*>(block - kHeader) = size;
    return block;
  }
  [[nodiscard]] bool is_used() const { return used_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] bool holds(const void* pointer) const {
    const auto address = reinterpret_cast<std::uintptr_t>(pointer);
    return address - reinterpret_cast<std::uintptr_t>(memory_.data()) < kRoom;
  }
  // Of a block that it holds.
  [[nodiscard]] static std::size_t size_of(const void* pointer) {
    return *(static_cast<const std::size_t*>(pointer) - 2);
  }

 private:
  static constexpr std::size_t kRoom = 65536;
  std::atomic<std::size_t> used_{0};
  alignas(16) std::array<std::uint8_t, kRoom> memory_{};
};

}  // namespace memtrace::runtime
