// The variables that start the tracer: found, hidden from the program, given to programs that it
// starts.
#pragma once

#include <linux/limits.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/os/messages.hpp"

namespace memtrace::runtime {

// The value of MTRACE; empty where it is not set. Where there are several, the last one counts. In
// a program that runs with the rights of somebody else than its caller's, the caller's words count
// for nothing.
std::string_view start_variable();

// Takes MTRACE and the tracer's entry in LD_PRELOAD out of `environ`, which `mtrace run` has put at
// its end, and remembers the library. The program then sees its environment as the user gave it.
void hide_start_variables();

// MTRACE for a program that is executed: what `mtrace run` gave, but for two numbers.
struct StartValue {
  std::string_view before, after;
  std::uint64_t first_process = 0;
  std::uint64_t snapshots_so_far = 0;
};
std::size_t size_of(const StartValue& value);
// To where there is room for that many bytes. Returns the end.
char* write_start_value(const StartValue& value, char* to);

// An environment for a program that is to be traced: `given` and two more variables. It lies on the
// stack of whoever executes the program: a child of vfork() must leave no trace in its parent, and
// other threads look at `environ`. Nothing in it is longer than it must be, since the stack may be
// small.
class TracedEnvironment {
 public:
  // nullptr: as an empty one. What is given must stay.
  TracedEnvironment(char* const* given, const StartValue& start);

  // How many pointers, with the last one, and bytes of text there must be room for.
  [[nodiscard]] std::size_t entries() const { return given_entries_ + kAdded; }
  [[nodiscard]] std::size_t text_size() const;
  void write(char** entries, char* text) const;

 private:
  static constexpr std::size_t kAdded = 3;  // two variables and the end

  char* const* given_;
  const StartValue& start_;
  std::size_t given_entries_;
  std::string_view other_libraries_;
};

}  // namespace memtrace::runtime
