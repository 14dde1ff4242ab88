// Which process the tracer runs in.
#pragma once

namespace memtrace::runtime {

// Whether this is the process that the tracer runs in: not a child of vfork(), which shares our
// memory, or of _Fork() or clone(), which has a copy of it. Async-signal-safe; costs a system call.
bool is_traced_process();
// It is this one from now on; or, with false, none.
void set_traced_process(bool traced);
// Its number; 0: none.
int traced_process();

}  // namespace memtrace::runtime
