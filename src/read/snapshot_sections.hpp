// The sections behind the metadata: tables and columns.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/byte_cursor.hpp"
#include "mtrace/snapshot.hpp"
#include "read/snapshot_metadata.hpp"
#include "wire/format.hpp"

namespace memtrace {

// Takes sections in the order of the file and fills a snapshot. Everything that the analysis relies
// on is checked here as it is decoded: ids, order, sums. Tables grow only by items that were there.
class SnapshotSections {
 public:
  explicit SnapshotSections(SnapshotHeader header);

  // `payload` holds exactly `items` items. Throws Error, with offsets into the section.
  void decode(wire::Section section, std::span<const std::uint8_t> payload, std::uint32_t items);

  // Checks that everything declared has come. `metric`: the only one that was wanted, if any.
  Snapshot finish(std::optional<Metric> metric);

 private:
  void strings(ByteCursor& cursor, std::uint32_t items);
  void modules(ByteCursor& cursor, std::uint32_t items);
  void frames(ByteCursor& cursor, std::uint32_t items);
  void nodes(ByteCursor& cursor, std::uint32_t items);
  void add_node(const ByteCursor& cursor, std::uint64_t up, std::uint64_t frame);
  void domains(ByteCursor& cursor, std::uint32_t items);
  void row_nodes(ByteCursor& cursor, std::uint32_t items);
  void row_domains(ByteCursor& cursor, std::uint32_t items);
  void column(wire::Section section, ByteCursor& cursor, std::uint32_t items);
  void timeline(ByteCursor& cursor, std::uint32_t items);
  void check_counts() const;

  SnapshotHeader header_;
  Snapshot snapshot_;
  NodeId last_node_ = kRoot;      // where the next node's `up` starts
  std::uint32_t last_depth_ = 0;  // its depth
};

}  // namespace memtrace
