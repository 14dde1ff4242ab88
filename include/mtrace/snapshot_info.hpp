// The summary of a snapshot file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mtrace/snapshot.hpp"

namespace memtrace {

// What is known without reading the rows.
struct SnapshotInfo {
  SnapshotKind kind = SnapshotKind::mtrace;
  std::string encoding;                    // "zstd", "gzip", "plain"
  std::string format;                      // "mtrace snapshot 1.0", "pickle protocol 4"
  std::optional<std::uint64_t> file_size;  // bytes; nullopt for a pipe
  Metadata metadata;
  struct Counts {
    std::uint64_t strings = 0, modules = 0, frames = 0, nodes = 0, domains = 0, rows = 0;
  };
  std::optional<Counts> counts;  // as declared by the file's header
  std::array<std::optional<Amount>, kMetrics.size()> totals;
  // Where they were asked for, and the file has them.
  std::vector<TimelinePoint> timeline;
  std::vector<MemoryPoint> memory_timeline;
};

}  // namespace memtrace
