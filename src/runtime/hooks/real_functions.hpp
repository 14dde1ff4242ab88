// What the hooks stand in front of: the next definition of each function, found by dlsym().
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace memtrace::runtime {

// Never null where the C library has the function. Before the first call each finds all of them;
// what is allocated meanwhile, because dlsym() itself may want memory, comes from a pool and may be
// given to all of them.
struct RealFunctions {
  void* (*malloc)(std::size_t);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void (*free)(void*);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  std::size_t (*malloc_usable_size)(void*);
};
[[gnu::visibility("hidden")]] extern constinit RealFunctions real;

// Finds them all now. Once; any thread.
void find_real_functions();

}  // namespace memtrace::runtime
