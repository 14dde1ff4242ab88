// The snapshot file, written from inside the traced process: no heap, no libc that could be traced.
#pragma once

#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::runtime {

// Writes the content (formats/snapshot.md, in canonical order). Returns 0 or the number of an
// error.
int write_snapshot_content(const SnapshotData& data, int file);

// Writes `path`, which then is there whole; or, in an error, as it was. `error`, where given,
// becomes the error's number.
bool write_snapshot(const SnapshotData& data, const char* path, int* error = nullptr);

}  // namespace memtrace::runtime
