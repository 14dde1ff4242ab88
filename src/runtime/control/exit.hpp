// The program's end, in whatever way it comes: the last snapshot is written before.
#pragma once

#include <csignal>

namespace memtrace::runtime {

// Fatal signals and quick_exit() take a last snapshot from now on. exit(), _exit() and the end of
// main() always ask control.hpp for one.
void watch_exits();

// The handler of signals whose default action ends the process, which it then does.
void end_by_signal(int signal, siginfo_t* information, void*);

// From a hook's end: the signal that came inside of it, if any, takes its course now.
void meet_pending_death();

}  // namespace memtrace::runtime
