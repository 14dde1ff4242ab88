// Where the runtime begins.
#pragma once

namespace memtrace::runtime {

// Once: at the first allocation after libc's own initialisation, which is before that of most other
// libraries; at the latest when this library is initialised.
void start_runtime();

// By a hook that does not know whether to trace: nothing has started yet, or the process is a copy
// of another one.
void look_at_process();

}  // namespace memtrace::runtime
