// Reading snapshots whose frames are to be lines.
#pragma once

#include <string>
#include <vector>

#include "mtrace/read.hpp"
#include "mtrace/symbolize.hpp"

namespace memtrace {

// One line for all modules; `mtrace symbolize` has one for each.
void warn_in_one_line(const std::vector<std::string>& warnings);

// Replaces addresses by lines, with a progress bar.
SymbolizeResult symbolize_with_progress(Snapshot& snapshot, const std::string& path,
                                        SymbolizeOptions options);

// Reads with a progress bar, then looks up in memory what is an address. What stays unresolved is
// said in one line; and where looking up took long, how to keep the result.
Snapshot read_resolved(const std::string& path, const ReadOptions& options);

}  // namespace memtrace
