// Compiled rows that all threads share, behind their own caches.
#pragma once

#include <cstdint>

#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {

// A big compiler calls malloc through more call sites than a thread's cache has rows, and a thread
// that begins knows none: finding a row here costs a cache miss or two, compiling it a microsecond.
// Of fixed size (1 MiB, as much of it in memory as is used); no locks, also inside a signal
// handler. Rows of earlier generations are never found.
bool find_shared_row(std::uintptr_t address, std::uint32_t generation, Row& row);
void put_shared_row(const Row& row, std::uint32_t generation);

}  // namespace memtrace::runtime
