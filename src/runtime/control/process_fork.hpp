// What must happen around fork().
#pragma once

namespace memtrace::runtime {

// The program's threads stand still while it forks, so that the child finds whole counters, and no
// lock of the tracer's in the hands of a thread that it does not have. Once.
void watch_forks();

// In a process that is a copy of the traced one and was made by _Fork() or clone(), which call
// nobody: at its first allocation, before it touches anything of the tracer's.
void meet_copied_process();

}  // namespace memtrace::runtime
