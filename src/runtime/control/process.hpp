// The process that the tracer runs in: its start, and its forks.
#pragma once

namespace memtrace::runtime {

// Which process the tracer runs in.

// Whether this is the process that the tracer runs in: not a child of vfork(), which shares our
// memory, or of _Fork() or clone(), which has a copy of it. Async-signal-safe; costs a system call.
bool is_traced_process();
// It is this one from now on; or, with false, none.
void set_traced_process(bool traced);
// Its number; 0: none.
int traced_process();

// What must happen around fork().

// The program's threads stand still while it forks, so that the child finds whole counters, and no
// lock of the tracer's in the hands of a thread that it does not have. Once.
void watch_forks();

// In a process that is a copy of the traced one and was made by _Fork() or clone(), which call
// nobody: at its first allocation, before it touches anything of the tracer's.
void meet_copied_process();

// Where the runtime begins.

// Once: at the first allocation after libc's own initialisation, which is before that of most other
// libraries; at the latest when this library is initialised.
void start_runtime();

// By a hook that does not know whether to trace: nothing has started yet, or the process is a copy
// of another one.
void look_at_process();

}  // namespace memtrace::runtime
