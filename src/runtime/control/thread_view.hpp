// What the program sees of its threads: not the tracer's. While it looks at them, in /proc, the
// tracer has none.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>

namespace memtrace::runtime {

// Whether a file by that name, which the kernel has found, may tell of the process' threads; and
// whether it does so by its number of links.
bool may_tell_of_threads(const char* path);
bool is_folder_of_threads(const char* path, bool is_folder, std::uint64_t size);

// From the opening of a file that may tell until it is closed; kNoFile where the program asks one
// question.
// Async-signal-safe, and leave errno alone.
inline constexpr int kNoFile = -1;
void begin_look(int file);
void end_look(int file);
// How many such files are open.
[[gnu::visibility("hidden")]] extern constinit std::atomic<unsigned> open_looks;
inline bool has_looks() {
  return open_looks.load(std::memory_order_relaxed) != 0;
}
// The descriptor of a stream through which the program may be looking, or kNoFile.
int look_through(FILE* file);

// In an event, now and then: whoever has not closed such a file for a second has seen enough.
void end_long_looks();
// Before the program forbids itself what it takes to have a thread again.
void end_all_looks();
// In the child of a fork.
void forget_looks();

}  // namespace memtrace::runtime
