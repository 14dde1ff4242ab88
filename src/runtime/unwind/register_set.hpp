// Values of registers by DWARF's numbers, as far as they are known.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/unwind/frame_rules.hpp"

namespace memtrace::runtime {

class RegisterSet {
 public:
  [[nodiscard]] bool knows(std::size_t number) const {
    return number < kRegisters && (known_ >> number & 1) != 0;
  }
  [[nodiscard]] std::uintptr_t operator[](std::size_t number) const { return values_[number]; }
  void set(std::size_t number, std::uintptr_t value) {
    values_[number] = value;
    known_ |= std::uint32_t{1} << number;
  }

 private:
  std::array<std::uintptr_t, kRegisters> values_{};
  std::uint32_t known_ = 0;
};

}  // namespace memtrace::runtime
