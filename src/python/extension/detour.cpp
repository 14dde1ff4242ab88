#include "python/extension/detour.hpp"

#include <emmintrin.h>
#include <sys/mman.h>

#include <cstring>

namespace memtrace::python {

bool Detour::write(std::uintptr_t function, const Code& code) {
  constexpr std::uintptr_t kPage = 4096;
  void* const page = reinterpret_cast<void*>(function & ~(kPage - 1));
  // Others may be running what else is on the page.
  if (mprotect(page, kPage, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return false;
  __m128i bytes;
  std::memcpy(&bytes, code.data(), sizeof bytes);
  _mm_store_si128(reinterpret_cast<__m128i*>(function), bytes);
  mprotect(page, kPage, PROT_READ | PROT_EXEC);
  return true;
}

bool Detour::set(std::uintptr_t function, std::uintptr_t target) {
  if (is_set() || function % kBytes != 0) return false;
  std::memcpy(original_.data(), reinterpret_cast<const void*>(function), kBytes);
  // jmp *0(%rip), and the address.
  constexpr std::array<std::uint8_t, 6> kJump = {0xFF, 0x25, 0, 0, 0, 0};
  static_assert(kJump.size() + sizeof target <= kBytes);
  Code code = original_;
  std::memcpy(code.data(), kJump.data(), kJump.size());
  std::memcpy(code.data() + kJump.size(), &target, sizeof target);
  if (!write(function, code)) return false;
  function_ = function;
  return true;
}

void Detour::clear() {
  if (is_set() && write(function_, original_)) function_ = 0;
}

}  // namespace memtrace::python
