#include "runtime/os/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::size_t kPage = 4096;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

std::size_t whole_pages(std::size_t size) {
  return (size + kPage - 1) & ~(kPage - 1);
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MTRACE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define MTRACE_THREAD_SANITIZER
#endif

#ifdef MTRACE_THREAD_SANITIZER
// ThreadSanitizer must learn that the same address is other memory now.
long map_pages(std::size_t size) {
  return reinterpret_cast<long>(mmap(nullptr, size, PROT_READ | PROT_WRITE, kPrivate, -1, 0));
}
void unmap_pages(void* memory, std::size_t size) {
  munmap(memory, size);
}
#else
long map_pages(std::size_t size) {
  return system_call(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE, kPrivate, -1, 0);
}
void unmap_pages(void* memory, std::size_t size) {
  system_call(SYS_munmap, memory, size);
}
#endif

}  // namespace

void* map_memory(std::size_t size) {
  const long result = map_pages(whole_pages(size));
  return is_error(result) ? nullptr : reinterpret_cast<void*>(result);
}

void* map_backed_memory(std::size_t size) {
  void* const memory = map_memory(size);
  if (memory != nullptr) system_call(SYS_madvise, memory, whole_pages(size), MADV_POPULATE_WRITE);
  return memory;
}

void unmap_memory(void* memory, std::size_t size) {
  if (memory != nullptr) unmap_pages(memory, whole_pages(size));
}

void clear_memory(void* memory, std::size_t size) {
  if (memory != nullptr) system_call(SYS_madvise, memory, whole_pages(size), MADV_DONTNEED);
}

std::size_t resident_memory(const void* memory, std::size_t size) {
  constexpr std::size_t kPagesAtOnce = 4096;
  std::array<std::uint8_t, kPagesAtOnce> pages;  // NOLINT: the kernel fills it
  std::size_t resident = 0;
  for (std::size_t begin = 0; begin < whole_pages(size); begin += kPagesAtOnce * kPage) {
    const std::size_t bytes = std::min(whole_pages(size) - begin, kPagesAtOnce * kPage);
    const auto* const start = static_cast<const std::uint8_t*>(memory) + begin;
    if (is_error(system_call(SYS_mincore, start, bytes, pages.data()))) return resident;
    resident += static_cast<std::size_t>(std::count_if(pages.begin(), pages.begin() + bytes / kPage,
                                                       [](auto page) { return (page & 1) != 0; }));
  }
  return resident * kPage;
}

bool is_readable(const void* address) {
  // The kernel reads the new signal mask before it looks at `how`, which is none that it knows: it
  // fails with EFAULT where it cannot read, with EINVAL where it can, and changes nothing.
  constexpr int kNoSuchHow = ~0;
  constexpr std::size_t kMaskSize = 8;
  const auto aligned = reinterpret_cast<std::uintptr_t>(address) & ~(kMaskSize - 1);
  if (aligned == 0) return false;  // "no mask", which it does not read
  constexpr long kBadAddress = -14;
  return system_call(SYS_rt_sigprocmask, kNoSuchHow, aligned, nullptr, kMaskSize) != kBadAddress;
}

}  // namespace memtrace::runtime
