// Where a thread's stack lies.
#pragma once

#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// Of the calling thread; empty where it cannot be told. Reads /proc/self/maps, for all but the
// first thread: some ten microseconds, more where there are thousands of mappings.
StackBounds this_thread_stack();

}  // namespace memtrace::runtime
