// The records of the calling thread's stacks: recognised, or else looked at frame by frame.
#pragma once

#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

// The stack that begins at `key`: an interpreter's, where the thread runs one, or else the
// machine's. kNoRecord where there is no memory.
RecordId record_of_stack(ThreadState& thread, const StackKey& key);

// The machine's, in any case.
RecordId record_of_machine_stack(ThreadState& thread, const StackKey& key);

// Of a block of the heap, which may be the tracer's own.
inline RecordId record_of_block(ThreadState& thread, const StackKey& key) {
  return local.untraced ? kOwnRecord : record_of_stack(thread, key);
}

}  // namespace memtrace::runtime
