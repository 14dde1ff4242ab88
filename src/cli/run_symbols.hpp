// What `mtrace run` does with its snapshots when the program has ended.
#pragma once

#include <vector>

#include "cli/kept_snapshots.hpp"

namespace memtrace {

// Replaces addresses by lines in all snapshots that a run left, so that they can be read where
// the program is not. Each file is replaced whole or stays as it was; what goes wrong is a warning.
// SIGINT, SIGTERM and SIGHUP end it, and this process with `status`.
void symbolize_written(const std::vector<KeptSnapshot>& kept, int status);

}  // namespace memtrace
