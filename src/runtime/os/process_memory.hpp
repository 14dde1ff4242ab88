// What the system sees of this process' memory: /proc and the control groups, read with system
// calls, without the heap, and without a descriptor that stays.
#pragma once

#include <cstdint>

namespace memtrace::runtime {

// In bytes.
inline constexpr std::int64_t kUnknownBytes = -1;

struct SystemMemory {
  std::int64_t resident = kUnknownBytes;  // of it:
  std::int64_t anonymous = kUnknownBytes;
  std::int64_t file = kUnknownBytes;
  std::int64_t shared = kUnknownBytes;
  std::int64_t huge_pages = kUnknownBytes;
  std::int64_t resident_peak = kUnknownBytes;
  std::int64_t swapped = kUnknownBytes;
  // Of the control group whose limit is the first to be met; of the process' own where there is no
  // limit.
  std::int64_t cgroup_use = kUnknownBytes;
  std::int64_t cgroup_limit = kUnknownBytes;
};

// Costs some 50 microseconds, and in a process of up to 512 MiB some 40 more for each megabyte: the
// kernel walks its page tables to count transparent huge pages. In a larger one they stay unknown.
// `root` is put in front of all paths. A process that has looked into /proc costs the kernel more
// when it ends: not in one that lives for milliseconds.
SystemMemory read_system_memory(const char* root = "");

// What is resident alone: some 10 microseconds.
std::int64_t read_resident();

}  // namespace memtrace::runtime
