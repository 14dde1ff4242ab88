// What `mtrace run` says when the program has ended.
#pragma once

#include <string>
#include <vector>

#include "cli/run_report.hpp"
#include "cli/run_snapshots.hpp"
#include "cli/traced_program.hpp"

namespace memtrace {

// With what of its options the words depend on.
struct EndedRun {
  std::string program;  // as it was typed
  ProgramEnd end;
  RunReport::Content content = {};
  std::vector<KeptSnapshot> kept = {};
  std::vector<std::string> only = {};
  bool follow_fork = false, writes_at_exit = true;
  bool verbose = false;  // also where nobody seems to read it
};

// One line, where there is somebody to read it or something went wrong: "wrote app.zst; next:
// mtrace top app.zst", or why nothing was written or seen, with what to do about it. Before it, a
// line for each process that could not be traced to its end.
void say_how_it_went(const EndedRun& run);

}  // namespace memtrace
