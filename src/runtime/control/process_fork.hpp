// What must happen around fork().
#pragma once

namespace memtrace::runtime {

// The program's threads stand still while it forks, so that the child finds whole counters, and no
// lock of the tracer's in the hands of a thread that it does not have. Once.
void watch_forks();

}  // namespace memtrace::runtime
