// The program's end, in whatever way it comes: the last snapshot is written before.
#pragma once

namespace memtrace::runtime {

// Fatal signals and quick_exit() take a last snapshot from now on. exit(), _exit() and the end of
// main() always ask control.hpp for one.
void watch_exits();

// From a hook's end: the signal that came inside of it, if any, takes its course now.
void meet_pending_death();

}  // namespace memtrace::runtime
