// The variables that start the tracer: found, hidden from the program, given to programs that it
// starts.
#pragma once

#include <linux/limits.h>

#include <cstddef>
#include <string_view>

#include "runtime/os/text_buffer.hpp"

namespace memtrace::runtime {

// The value of MTRACE; empty where it is not set. Where there are several, the last one counts.
std::string_view start_variable();

// Takes MTRACE and the tracer's entry in LD_PRELOAD out of `environ`, which `mtrace run` has put at
// its end, and remembers the library. The program then sees its environment as the user gave it.
void hide_start_variables();

// An environment for a program that is to be traced: `given` and two more variables. On the
// caller's stack, since a child of vfork() must leave no trace in its parent.
class TracedEnvironment {
 public:
  static std::size_t entries_for(char* const* given);

  // `entries` has room for entries_for(given) pointers. `start_value` is MTRACE's.
  TracedEnvironment(char* const* given, char** entries, std::string_view start_value);

 private:
  TextBuffer<4 * PATH_MAX> preload_;
  TextBuffer<2 * PATH_MAX> start_;
};

}  // namespace memtrace::runtime
