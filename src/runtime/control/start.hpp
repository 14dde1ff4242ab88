// Where the runtime begins.
#pragma once

namespace memtrace::runtime {

// Once: at the first allocation after libc's own initialisation, which is before that of most other
// libraries; at the latest when this library is initialised.
void start_runtime();

}  // namespace memtrace::runtime
