#include "runtime/os/memory.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

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

namespace {

constexpr std::size_t kUnlimited = SIZE_MAX;

constinit std::atomic<const char*> reason{"the kernel gives no memory"};

std::size_t limit_of(int resource) {
  struct rlimit limit {};
  const long error = system_call(SYS_prlimit64, 0, resource, nullptr, &limit);
  return is_error(error) || limit.rlim_cur == RLIM_INFINITY ? kUnlimited : limit.rlim_cur;
}

// What an address space and its private writable part may be: the tracer's memory is both.
std::size_t lowest_limit() {
  return std::min(limit_of(RLIMIT_AS), limit_of(RLIMIT_DATA));
}

// Somebody else may be refused these bytes meanwhile: there is no other way to ask that leaves the
// process' descriptors alone.
bool can_map(std::size_t size) {
  const long mapped = system_call(SYS_mmap, nullptr, size, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (is_error(mapped)) return false;
  system_call(SYS_munmap, mapped, size);
  return true;
}

}  // namespace

// Where there was no limit the kernel is asked again when so much more is mapped: a limit that the
// program sets meanwhile is met so much later.
bool may_map(std::size_t size) {
  constexpr std::size_t kShare = 4, kUnasked = std::size_t{1} << 20;
  static constinit std::atomic<std::size_t> free_until{0};  // bytes
  const std::size_t mapped = own_mapped_memory() + size;
  if (mapped < free_until.load(std::memory_order_relaxed)) return true;
  const std::size_t limit = lowest_limit();
  free_until.store(limit == kUnlimited ? mapped + kUnasked : 0, std::memory_order_relaxed);
  return limit == kUnlimited || mapped <= limit / kShare;
}

void note_refusal(long error) {
  constexpr long kNoRoomToLock = -11;  // EAGAIN
  if (error == kNoRoomToLock) {
    reason.store("RLIMIT_MEMLOCK leaves no room", std::memory_order_relaxed);
    return;
  }
  const std::size_t space = limit_of(RLIMIT_AS);
  const std::size_t data = limit_of(RLIMIT_DATA);
  if (std::min(space, data) == kUnlimited) {
    reason.store("the kernel gives no memory", std::memory_order_relaxed);
  } else {
    reason.store(space <= data ? "RLIMIT_AS leaves no room" : "RLIMIT_DATA leaves no room",
                 std::memory_order_relaxed);
  }
}

std::string_view why_refused() {
  return reason.load(std::memory_order_relaxed);
}

bool is_in_the_way(std::size_t size, std::size_t held) {
  constexpr std::size_t kMost = PTRDIFF_MAX;  // nobody is given more
  // What an allocator asks the kernel for at once, even for a small block.
  constexpr std::size_t kAtOnce = std::size_t{2} << 20;
  if (held == 0 || size > kMost || lowest_limit() == kUnlimited) return false;
  if (can_map(size + kAtOnce)) return false;  // it was refused for another reason
  if (size > held && !can_map(size - held)) return false;
  note_refusal(0);
  return true;
}

}  // namespace memtrace::runtime
