// How scenarios look at what the tracer has counted.
#pragma once

#include <cstdint>
#include <cstdio>

#include "mtrace/mtrace.hpp"

namespace memtrace::test {

inline bool failed = false;

inline void check(bool holds, const char* what, std::int64_t found = 0, std::int64_t expected = 0) {
  if (holds) return;
  failed = true;
  std::fprintf(stderr, "%s: %lld, not %lld\n", what, static_cast<long long>(found),
               static_cast<long long>(expected));
}

inline std::int64_t current() {
  return static_cast<std::int64_t>(memtrace::get_traced_memory().current);
}

// Keeps the compiler from leaving out a block that nobody reads.
template <class T>
T* used(T* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return pointer;
}

// Whatever `make` returns is `size` bytes, and nothing remains when it has been freed.
template <class Make, class Release>
void check_pair(const char* what, std::int64_t size, Make make, Release release) {
  const std::int64_t before = current();
  void* const block = used(make());
  const std::int64_t with = current();
  check(block != nullptr, what);
  check(with - before == size, what, with - before, size);
  check(mtrace_get_block_traceback(block, nullptr, 0) > 0, what);
  release(block);
  const std::int64_t after = current();
  check(after == before, what, after - before, 0);
}

}  // namespace memtrace::test
