#include "runtime/control/last_thread.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// The word of the first thread that the kernel clears when it ends; nullptr: not known.
constinit std::atomic<const std::atomic<std::int32_t>*> first_thread{nullptr};

struct DirectoryEntry {  // the kernel's, of getdents64()
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// A process' threads that are not `own`, and not its first one. Some number above zero where they
// cannot be counted.
std::size_t count_others(int own, int process) {
  const long folder =
      system_call(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (is_error(folder)) return 1;
  std::size_t others = 0;
  alignas(8) std::array<std::byte, 4096> entries;  // NOLINT: the kernel fills it
  while (true) {
    const long got = system_call(SYS_getdents64, folder, entries.data(), entries.size());
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      const auto& entry = *reinterpret_cast<const DirectoryEntry*>(entries.data() + at);
      int number = 0;
      for (const char* digit = entry.name; *digit >= '0' && *digit <= '9'; ++digit) {
        number = number * 10 + (*digit - '0');
      }
      if (number != 0 && number != own && number != process) ++others;
      at += entry.size;
    }
  }
  system_call(SYS_close, folder);
  return others;
}

}  // namespace

void note_first_thread() {
  if (thread_id() != process_id()) return;
  const std::atomic<std::int32_t>* word = nullptr;
  // Where the kernel does not tell, nobody waits for the last thread.
  if (is_error(system_call(SYS_prctl, PR_GET_TID_ADDRESS, &word, 0, 0, 0))) word = nullptr;
  first_thread.store(word, std::memory_order_relaxed);
}

bool is_last_thread(int own) {
  const auto* const word = first_thread.load(std::memory_order_relaxed);
  if (word == nullptr || word->load(std::memory_order_relaxed) != 0) return false;
  return count_others(own, process_id()) == 0;
}

int first_thread_status() {
  const long file = system_call(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (is_error(file)) return 0;
  std::array<char, 1024> text;  // NOLINT: the kernel fills it
  const long got = system_call(SYS_read, file, text.data(), text.size());
  system_call(SYS_close, file);
  // The last number of the line, which is as wait() has it.
  long end = got;
  while (end > 0 && (text[static_cast<std::size_t>(end) - 1] < '0' ||
                     text[static_cast<std::size_t>(end) - 1] > '9')) {
    --end;
  }
  int status = 0, scale = 1;
  for (long at = end; at > 0 && scale <= 10'000'000; --at, scale *= 10) {
    const char digit = text[static_cast<std::size_t>(at) - 1];
    if (digit < '0' || digit > '9') break;
    status += (digit - '0') * scale;
  }
  return status >> 8 & 0xFF;
}

}  // namespace memtrace::runtime
