// Asking a traced process for a snapshot.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace memtrace {

// Has a process write a snapshot now, waits until it is written, and returns its path. `told` are
// lines of what the snapshot is to say, besides: the tracer's control/requests.hpp describes them.
// Throws Error if the process does not exist, is not traced, may not be asked, or does not answer
// in time.
std::string request_snapshot(pid_t process, std::chrono::milliseconds timeout, std::string told);

// Throws Error.
pid_t parse_process(const std::string& text);

}  // namespace memtrace
