// A program that runs in our place: it has the terminal, we only wait.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace memtrace {

// The exit statuses that shells give where a program cannot be run.
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;

struct ProgramEnd {
  pid_t process = 0;
  int error = 0;   // it could not be executed: the number of the error
  int signal = 0;  // that ended it; 0: it exited
  int exit_status = 0;

  // As a shell gives it: 128 + N where signal N ended it.
  [[nodiscard]] int status() const;
};

// Executes command[0], looked for in PATH, with the tracer loaded into it, with the signals'
// actions and mask that this program began with, and waits for its end. Signals that others send to
// us go on to it; those of the terminal have reached it already. Where it stops, we stop too, so
// that a shell's job control works.
//
// The tracer is what MTRACE_RUNTIME names, or stands where it was built or installed beside this
// program. Throws Error where there is none, where LD_PRELOAD cannot hold its path, and where the
// system has no more processes.
ProgramEnd run_traced_program(const std::vector<std::string>& command,
                              const std::string& start_options);

}  // namespace memtrace
