// A thread for one task, which exists only as long as the task.
#pragma once

namespace memtrace::runtime {

// Runs `task(argument)` on a thread that nobody knows: it is none of libc's, has no signals, no
// descriptors of the program's, and a thread-local block that is all zero. The task may use nothing
// of libc beyond memory and string functions, must not fault, and `argument` must outlive it.
//
// One at a time: waits for the one before. Where the kernel gives no thread, the task runs here.
// The caller has blocked all signals.
void run_on_own_thread(void (*task)(void*), void* argument);

// Returns when no task runs any more.
void wait_for_own_thread();
bool is_own_thread_running();

// In the child of a fork, which does not have the thread.
void forget_own_thread();

}  // namespace memtrace::runtime
