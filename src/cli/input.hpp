// Reading the snapshots that a command is given.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"
#include "mtrace/read.hpp"
#include "mtrace/symbolize.hpp"

namespace memtrace {

// The argument that names one.
Option snapshot_argument(
    std::string& path, std::string_view value = "SNAPSHOT",
    std::string_view summary = "What mtrace or another profiler wrote; - is standard input");

// By its name alone, which proves nothing.
bool looks_like_snapshot(std::string_view name);

// Reads with a progress bar. What cannot be read is answered with what may be meant: a file with
// nearly that name, a snapshot in the folder.
Snapshot read_with_progress(const std::string& path, ReadOptions options);
SnapshotInfo read_info_of(const std::string& path, bool timelines = false);

// Reads with a progress bar, then looks up in memory what is an address. What stays unresolved is
// said in one line; and where looking up took long, how to keep the result.
Snapshot read_resolved(const std::string& path, const ReadOptions& options);
// The second half of it, of what was read already.
Snapshot resolved(Snapshot snapshot, const std::string& path);

// Replaces addresses by lines, with a progress bar.
SymbolizeResult symbolize_with_progress(Snapshot& snapshot, const std::string& path,
                                        SymbolizeOptions options);

// One line for all modules; `mtrace symbolize` has one for each.
void warn_in_one_line(const std::vector<std::string>& warnings);

}  // namespace memtrace
