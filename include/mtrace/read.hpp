// Reads snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"
#include "mtrace/snapshot_info.hpp"

namespace memtrace {

// Called now and then during a long read, on the reading thread. `done` and `total` are bytes of
// the file; total is 0 if it is unknown (a pipe).
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct ReadOptions {
  // Reads only this metric's columns; nullopt reads all columns and the timeline. A metric that the
  // snapshot lacks is an Error.
  std::optional<Metric> metric{};
  // false ignores domains: blocks of one traceback may then share a row, and the rows' domain is
  // meaningless. Reads several times less of a snapshot with many domains.
  bool domains = true;
  Progress progress{};
};

// Reads any snapshot: mtrace's own .zst, a dump of CPython's tracemalloc.Snapshot.dump(), or what
// pprof, heaptrack, jemalloc, gperftools, DHAT, massif or memray's transform csv wrote (all but the
// first plain, or inside gzip or zstd). Files are recognized by content, not by name. "-" is
// standard input. The result is valid (see validate()). Throws Error, headed by the path.
MTRACE_API Snapshot read_snapshot(const std::string& path, const ReadOptions& options = {});

// Takes constant time, whatever the snapshot's size, of mtrace's own, tracemalloc's and
// heaptrack's; the others are read for it. With `timelines`, it also looks for these among the
// file's sections, which takes microseconds for each megabyte. Throws Error, headed by the path.
MTRACE_API SnapshotInfo read_info(const std::string& path, bool timelines = false);

}  // namespace memtrace
