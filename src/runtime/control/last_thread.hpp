// Whether the program has any threads left. libc ends the process with its last thread; where the
// program's threads end by a system call of their own, the tracer's thread would outlive them.
#pragma once

namespace memtrace::runtime {

// By the process' first thread, if it is the one that calls.
void note_first_thread();
// Whether the calling thread, whose number is `own`, is the only one left. Costs nothing as long as
// the first thread is there.
bool is_last_thread(int own);
// What the first thread, which has ended, has ended with: 0 to 255.
int first_thread_status();

}  // namespace memtrace::runtime
