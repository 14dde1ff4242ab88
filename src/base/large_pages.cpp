#include "base/large_pages.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace memtrace {

void advise_large_pages(const void* begin, std::size_t size) {
  constexpr std::uintptr_t kLargePage = std::uintptr_t{2} << 20;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t to_first = (kLargePage - address % kLargePage) % kLargePage;
  if (size < to_first + kLargePage) return;
  const auto* const first = static_cast<const std::byte*>(begin) + to_first;
  madvise(const_cast<std::byte*>(first), (size - to_first) / kLargePage * kLargePage,
          MADV_HUGEPAGE);
}

}  // namespace memtrace
