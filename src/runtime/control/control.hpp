// When snapshots are taken, where they go, and who is told.
#pragma once

#include "runtime/control/start_options.hpp"

namespace memtrace::runtime {

// Who waits for a snapshot: `mtrace snapshot`, by its process and a number that it chose.
struct Requester {
  int process = 0;  // 0: nobody
  int number = 0;
};

enum class Waiting : bool {
  no,  // the program goes on as soon as the counters are copied
  yes,
};

// Takes a snapshot and gives it the next name. Any thread, also in a signal handler, but not inside
// of a hook's counter section. In a process that does not trace, only the requester hears of it.
void take_next_snapshot(Waiting waiting, const Requester& requester = {});

// The last one, where the options ask for one and it is not written yet; then waits until all is
// written. Does nothing in a child process that shares our memory.
void take_last_snapshot();

// Whether this is the process that the tracer runs in: not a child of vfork().
bool is_traced_process();

// Answers `mtrace snapshot` from now on. For programs that start tracing themselves, too.
void accept_requests();

// For the programs that this process executes. `is_other_process`: or one that it started.
bool follows_execution(bool is_other_process);
// MTRACE for them.
void write_start_value(StartValue& value, bool is_other_process);

}  // namespace memtrace::runtime
