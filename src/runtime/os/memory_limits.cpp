#include "runtime/os/memory_limits.hpp"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "runtime/os/own_mappings.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
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
