// When snapshots are taken, where they go, and who is told.
#pragma once

#include <string_view>

#include "runtime/control/start_options.hpp"
#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::runtime {

// The last snapshot, where the options ask for one and it is not written yet; then waits, for a
// bounded time, until all is written. Does nothing in a child process that is not traced, or shares
// our memory. Async-signal-safe.
void take_last_snapshot();
// The same where the end may not come: then there will be another last one.
void take_snapshot_before_end();
// Waits until all is written: before another program takes this one's place.
void finish_snapshots();

// Writes the counters to a path of the program's, in its folder and with its privileges, on a
// thread that no signal can reach. 0 or an error's number: ENODATA where nothing is traced, ENOMEM
// where there is no memory for a copy.
int take_snapshot(const char* path);

// Begins the tracer's own thread again after it was ended.
void continue_service();
// Answers `mtrace snapshot` from now on. For programs that start tracing themselves, too.
void accept_requests();

// "NAME=VALUE": of every snapshot from now on; false where there is no room for it.
bool set_label(std::string_view text);

// Signals, timers and requests of the process, as the options say.
void start_from_environment();
// In the child of a fork, when the tracer works again: new file names, or the end of tracing.
// `is_whole`: all of the tracer's locks were held at the fork.
void child_after_fork(bool is_whole);

// For the programs that this process executes. `is_other_process`: or one that it started.
bool follows_execution(bool is_other_process);
// MTRACE for them.
StartValue start_value_for_program(bool is_other_process);

}  // namespace memtrace::runtime
