// What the tracer does where there is no memory for it: it ends, in words, and gives back what
// follows the program's heap. What it counted until then is still there for a last snapshot.
#pragma once

#include <cstddef>

namespace memtrace::runtime {

// A table has no room for what a hook brought: the hook gives up at its end.
void note_no_memory();
bool has_no_memory();

// Outside of the gate, without any of the tracer's locks. Where tracing is off, nothing happens.
void give_up_tracing();

// Bytes of address space that giving up gives back.
std::size_t memory_of_blocks();

// The program's own allocation of `size` bytes has failed. true where the tracer was in the way,
// and is not any more: then another attempt may succeed. Called from a hook that allocates, or from
// none. A program under no limit pays two system calls for each failure.
bool make_room(std::size_t size);

}  // namespace memtrace::runtime
