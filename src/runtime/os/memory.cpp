#include "runtime/os/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "runtime/os/memory_limits.hpp"
#include "runtime/os/own_mappings.hpp"
#include "runtime/os/sanitizers.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::size_t kPage = 4096;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

std::size_t whole_pages(std::size_t size) {
  return (size + kPage - 1) & ~(kPage - 1);
}

#ifdef MTRACE_THREAD_SANITIZER
// ThreadSanitizer must learn that the same address is other memory now.
long map_pages(std::size_t size, int protection) {
  return reinterpret_cast<long>(mmap(nullptr, size, protection, kPrivate, -1, 0));
}
void unmap_pages(void* memory, std::size_t size) {
  munmap(memory, size);
}
#else
long map_pages(std::size_t size, int protection) {
  return system_call(SYS_mmap, nullptr, size, protection, kPrivate, -1, 0);
}
void unmap_pages(void* memory, std::size_t size) {
  system_call(SYS_munmap, memory, size);
}
#endif

constinit std::atomic<bool> locks_future{false};

// What can be read or written is backed by memory at once while the program locks what it maps.
long map_unlocked_pages(std::size_t size) {
  const long result = map_pages(size, PROT_NONE);
  if (is_error(result)) return result;
  system_call(SYS_munlock, result, size);
  const long error = system_call(SYS_mprotect, result, size, PROT_READ | PROT_WRITE);
  if (!is_error(error)) return result;
  unmap_pages(reinterpret_cast<void*>(result), size);
  return error;
}

}  // namespace

void set_locks_future_memory(bool locks) {
  locks_future.store(locks, std::memory_order_relaxed);
}

void* map_memory(std::size_t size) {
  const std::size_t whole = whole_pages(size);
  if (!may_map(whole)) {
    note_refusal(0);
    return nullptr;
  }
  const long result = locks_future.load(std::memory_order_relaxed)
                          ? map_unlocked_pages(whole)
                          : map_pages(whole, PROT_READ | PROT_WRITE);
  if (is_error(result)) {
    note_refusal(result);
    return nullptr;
  }
  auto* const memory = reinterpret_cast<void*>(result);
  if (add_own_mapping(reinterpret_cast<std::uintptr_t>(memory), whole)) return memory;
  unmap_pages(memory, whole);
  return nullptr;
}

void* map_backed_memory(std::size_t size) {
  void* const memory = map_memory(size);
  if (memory != nullptr) system_call(SYS_madvise, memory, whole_pages(size), MADV_POPULATE_WRITE);
  return memory;
}

void unmap_memory(void* memory, std::size_t size) {
  if (memory == nullptr) return;
  // First: another thread may be given the addresses at once.
  remove_own_mapping(reinterpret_cast<std::uintptr_t>(memory), whole_pages(size));
  unmap_pages(memory, whole_pages(size));
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
