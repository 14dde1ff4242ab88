// Opening snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"
#include "mtrace/snapshot_info.hpp"

namespace memtrace {

// Called now and then while a long read goes on, on the reading thread. `done` and `total` are
// bytes of the file; total is 0 where it is not known (a pipe).
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct ReadOptions {
  // Read only this metric's columns; nullopt reads all that are there, and the timeline. Asking for
  // one that the snapshot does not have is an Error.
  std::optional<Metric> metric{};
  // False: whoever reads does not care for domains. Blocks of one traceback may then be one row,
  // whatever their domains, and the rows' domain means nothing. Several times less to read where a
  // snapshot has many domains.
  bool domains = true;
  Progress progress{};
};

// Reads any snapshot, known by its content: mtrace's own .zst, or what CPython's
// tracemalloc.Snapshot.dump() wrote (plain, or inside gzip or zstd). "-" is standard input.
// The result is valid (see validate()). Throws Error, headed by the path.
MTRACE_API Snapshot read_snapshot(const std::string& path, const ReadOptions& options = {});

// Takes constant time, whatever the snapshot's size. Throws Error, headed by the path.
MTRACE_API SnapshotInfo read_info(const std::string& path);

}  // namespace memtrace
