// What the hooks stand in front of: the next definition of each function, found by dlsym().
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace memtrace::runtime {

// Never null where the C library has the function. Before the first call each finds all of them.
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
extern constinit RealFunctions real;

// Finds them all now. Once; any thread.
void find_real_functions();

// What is allocated while they are being found: dlsym() itself may want memory.
bool is_bootstrap_memory(const void* pointer);
std::size_t bootstrap_size(const void* pointer);

// As the real ones, but know what the bootstrap pool gave out.
void real_free(void* pointer);
void* real_realloc(void* pointer, std::size_t size);

}  // namespace memtrace::runtime
