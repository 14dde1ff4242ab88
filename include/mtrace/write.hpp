// Writing snapshots in mtrace's own format (formats/snapshot.md).
#pragma once

#include <string>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// Writes a valid snapshot. The file is there whole or not at all: it is written beside the target,
// synced and renamed. The same data gives the same bytes, in whatever order the tables hold it.
// "-" is standard output. Throws Error, headed by the path.
MTRACE_API void write_snapshot(const Snapshot& snapshot, const std::string& path);

}  // namespace memtrace
