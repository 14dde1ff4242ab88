// Opening snapshots.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mtrace/export.hpp"
#include "mtrace/snapshot.hpp"

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

// What can be told without reading the rows.
struct SnapshotInfo {
  SnapshotKind kind = SnapshotKind::mtrace;
  std::string encoding;                    // "zstd", "gzip", "plain"
  std::string format;                      // "mtrace snapshot 1.0", "pickle protocol 4"
  std::optional<std::uint64_t> file_size;  // bytes; nullopt for a pipe
  Metadata metadata;
  struct Counts {
    std::uint64_t strings = 0, modules = 0, frames = 0, nodes = 0, domains = 0, rows = 0;
  };
  std::optional<Counts> counts;  // as the header declares them
  std::array<std::optional<Amount>, kMetrics.size()> totals;
};

// Takes constant time, whatever the snapshot's size. Throws Error, headed by the path.
MTRACE_API SnapshotInfo read_info(const std::string& path);

}  // namespace memtrace
