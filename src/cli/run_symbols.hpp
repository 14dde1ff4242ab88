// What `mtrace run` does with its snapshots when the program has ended.
#pragma once

#include "cli/run_report.hpp"

namespace memtrace {

// Replaces addresses by lines in all snapshots that were written, so that they can be read where
// the program is not. Each file is replaced whole or stays as it was; what goes wrong is a warning.
// SIGINT, SIGTERM and SIGHUP end it, and this process with `status`.
void symbolize_written(const RunReport::Content& content, int status);

}  // namespace memtrace
