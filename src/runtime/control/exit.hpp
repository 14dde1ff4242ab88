// The program's end, in whatever way it comes: the last snapshot is written before.
#pragma once

namespace memtrace::runtime {

// Fatal signals and quick_exit() take a last snapshot from now on. exit(), _exit() and the end of
// main() always ask control.hpp for one.
void watch_exits();

}  // namespace memtrace::runtime
