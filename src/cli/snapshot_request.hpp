// Asking a traced process for a snapshot.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace memtrace {

// Has the process write a snapshot now, waits until it is there, and returns its path. Throws Error
// where there is no such process, it is not traced, we may not ask it, or it does not answer in
// time.
std::string request_snapshot(pid_t process, std::chrono::milliseconds timeout);

}  // namespace memtrace
