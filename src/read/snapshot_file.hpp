// mtrace's own snapshot file (formats/snapshot.md).
#pragma once

#include "read/input_format.hpp"

namespace memtrace {

bool is_snapshot_file(const OpenInput& input);
Snapshot read_snapshot_file(OpenInput& input, const ReadOptions& options);
SnapshotInfo info_of_snapshot_file(OpenInput& input);

}  // namespace memtrace
