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

// The same in place of a file that is there, of which the new one tells the same moment: the time
// of the last change stays, and the owner where that is allowed. A series stays in its order.
MTRACE_API void replace_snapshot(const Snapshot& snapshot, const std::string& path);

}  // namespace memtrace
