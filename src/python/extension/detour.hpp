// A function of the interpreter's that leads somewhere else for a while.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace memtrace::python {

class Detour {
 public:
  constexpr Detour() = default;
  Detour(const Detour&) = delete;
  Detour& operator=(const Detour&) = delete;
  ~Detour() = default;

  // No thread may be at the function's begin. false where the system forbids to change code (a
  // policy against memory that is written and executed), or the function is not laid out as it must
  // be.
  bool set(std::uintptr_t function, std::uintptr_t target);
  void clear();
  [[nodiscard]] bool is_set() const { return function_ != 0; }

 private:
  // What is written at once: nobody ever runs a half of it.
  static constexpr std::size_t kBytes = 16;
  using Code = std::array<std::uint8_t, kBytes>;
  static bool write(std::uintptr_t function, const Code& code);

  std::uintptr_t function_ = 0;
  Code original_{};
};

}  // namespace memtrace::python
