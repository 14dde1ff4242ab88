// Writes snapshots in mtrace's own format (formats/snapshot.md).
#pragma once

#include <string>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// Writes a valid snapshot. The file appears only when it is complete: it is written beside the
// target, synced and renamed. Equal data gives equal bytes, whatever the order of the tables. "-"
// is standard output. Throws Error, headed by the path.
MTRACE_API void write_snapshot(const Snapshot& snapshot, const std::string& path);

// Replaces an existing file by a snapshot of the same moment: it keeps the time of the last change,
// so that a series stays in order, and, if permitted, the owner. Otherwise as write_snapshot().
MTRACE_API void replace_snapshot(const Snapshot& snapshot, const std::string& path);

}  // namespace memtrace
