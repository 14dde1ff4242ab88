// What the program sees of its threads: not the tracer's. While it looks at them, in /proc, the
// tracer has none.
#pragma once

#include <atomic>
#include <cstdio>

namespace memtrace::runtime {

// Whether a file that the kernel has found by that name tells of this process' threads.
bool tells_of_threads(const char* path);

// From the opening of such a file until it is closed; kNoFile where the program asks only once.
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
// In the child of a fork.
void forget_looks();

}  // namespace memtrace::runtime
