// What the tracer says from inside the programs that `mtrace run` started.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace memtrace {

// A file without a name, to which traced processes append a line for each thing that happens, by
// way of /proc. Nothing of it is left when both sides are gone.
class RunReport {
 public:
  // Throws Error.
  RunReport();
  ~RunReport();
  RunReport(const RunReport&) = delete;
  RunReport& operator=(const RunReport&) = delete;

  // Where others can open it.
  [[nodiscard]] std::string path() const;

  struct Snapshot {
    pid_t process = 0;
    std::string path;
    int error = 0;  // 0: it was written
  };
  struct Content {
    std::vector<pid_t> processes;  // that were traced
    // Files that define malloc and stand before the tracer; empty: the program itself.
    std::vector<std::string> other_mallocs;
    std::vector<std::string> interpreters;  // whose lines were not traced, and why
    std::vector<std::string> others;        // programs that were none of those to be traced
    std::vector<Snapshot> snapshots;        // oldest first
    std::vector<Snapshot> temporaries;      // names that may be left
    std::vector<Snapshot> given_up;         // whose tracing ended early; the path says why

    [[nodiscard]] std::size_t written() const;           // snapshots
    [[nodiscard]] const Snapshot* last_failure() const;  // null: none
  };
  [[nodiscard]] Content read() const;

 private:
  int file_;
};

// Removes temporary names whose process is gone.
void remove_leftovers(const RunReport::Content& content);

}  // namespace memtrace
