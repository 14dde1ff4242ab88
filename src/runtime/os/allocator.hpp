// The allocator behind the hooks, and what it says of itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/os/process_memory.hpp"

namespace memtrace::runtime {

struct AllocatorFigures {
  std::int64_t held = kUnknownBytes;  // what it has from the system, of it:
  std::int64_t free = kUnknownBytes;  // in no block
};

// Finds out who serves malloc, and where its figures are: in the library's constructor.
void find_allocator();

// "glibc", "jemalloc", "tcmalloc" or "mimalloc"; empty: another one.
std::string_view allocator_name();

// Whether the figures can be read on a thread of the program's only, outside of the allocator.
// jemalloc has variables of each thread. glibc locks nothing as long as it knows of one thread
// only, and does not know the tracer's.
bool wants_program_thread();

// Waits for the allocator's locks: a thread that stands still in the middle of the allocator keeps
// it waiting. Takes as long as the allocator looks through its lists of free blocks.
AllocatorFigures read_allocator_figures();

}  // namespace memtrace::runtime
