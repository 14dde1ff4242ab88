// What CPython's tracemalloc.Snapshot.dump() writes: a pickle, read without executing it.
#pragma once

#include "read/input_format.hpp"

namespace memtrace {

bool is_tracemalloc_dump(const OpenInput& input);
Snapshot read_tracemalloc_dump(OpenInput& input, const ReadOptions& options);
SnapshotInfo info_of_tracemalloc_dump(OpenInput& input);

}  // namespace memtrace
