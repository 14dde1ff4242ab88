// What to look at when a traced program has ended.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/kept_snapshots.hpp"

namespace memtrace {

// As somebody would type it here.
std::string shown_path(const std::string& path);

// One line for what was written: "wrote app.zst; next: mtrace top app.zst". The command is the one
// that answers: for the peak where little is alive at the end, for the first and the last of a
// series, of the process that held most of several. `written` counts all, also those that are not
// kept, of which there is one at least. `traces_all`: whichever programs were started.
std::string what_was_written(const std::vector<KeptSnapshot>& kept, std::size_t written,
                             bool traces_all);

}  // namespace memtrace
