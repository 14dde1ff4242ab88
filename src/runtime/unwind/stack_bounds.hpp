// Where a thread's stack lies.
#pragma once

#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// As much of it as has been found out.
struct ThreadStack {
  StackBounds bounds;  // empty where it cannot be told
  bool is_whole = false;
};

// The calling thread's: at first only what it uses, so that a thread that does little costs a few
// system calls.
ThreadStack this_thread_stack();

// Looks for a stack pointer of the calling thread that lies below what is known. Page by page where
// it is near, otherwise, once, in /proc/self/maps: some ten microseconds, more where there are
// thousands of mappings. false where it is not in this stack.
bool find_below(ThreadStack& stack, std::uintptr_t sp);

}  // namespace memtrace::runtime
