// The sections of a snapshot file: what they hold, decoded and checked.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/byte_cursor.hpp"
#include "mtrace/read.hpp"
#include "mtrace/snapshot_info.hpp"
#include "wire/format.hpp"

namespace memtrace {

// What the metadata section says of the others.
struct SnapshotHeader {
  Metadata metadata;
  SnapshotInfo::Counts counts;  // as declared; the sections must add up to them
  std::array<std::optional<Amount>, kMetrics.size()> totals;  // present where the metric is
};

// Append what a section of either time line holds. Throw Error, with offsets into the section.
void decode_timeline(ByteCursor& cursor, std::uint32_t items, std::vector<TimelinePoint>& points);
void decode_memory_timeline(ByteCursor& cursor, std::uint32_t items,
                            std::vector<MemoryPoint>& points);

// Takes sections in the order of the file and fills a snapshot. Everything that the analysis relies
// on is checked here as it is decoded: ids, order, sums. Tables grow only by items that were there.
class SnapshotSections {
 public:
  SnapshotSections(SnapshotHeader header, const ReadOptions& options);

  // Whether the section holds something that was asked for.
  [[nodiscard]] bool wants(wire::Section section) const;

  // `payload` holds exactly `items` items. Throws Error, with offsets into the section.
  void decode(wire::Section section, std::span<const std::uint8_t> payload, std::uint32_t items);

  // Checks that everything declared and wanted has come.
  Snapshot finish();

 private:
  // Which column a section holds, if any.
  struct WhichColumn {
    Metric metric;
    bool is_size;
    bool is_variance;
  };
  static std::optional<WhichColumn> column_of(wire::Section section);

  void strings(ByteCursor& cursor, std::uint32_t items);
  void modules(ByteCursor& cursor, std::uint32_t items);
  void frames(ByteCursor& cursor, std::uint32_t items);
  void nodes(ByteCursor& cursor, std::uint32_t items);
  void add_node(const ByteCursor& cursor, std::uint64_t up, std::uint64_t frame);
  void domains(ByteCursor& cursor, std::uint32_t items);
  void row_nodes(ByteCursor& cursor, std::uint32_t items);
  void row_domains(ByteCursor& cursor, std::uint32_t items);
  void column(const WhichColumn& which, ByteCursor& cursor, std::uint32_t items);
  void variances(const WhichColumn& which, ByteCursor& cursor, std::uint32_t items);
  template <class Value>
  void add_values(std::vector<Value>& values, std::span<const Value> batch,
                  std::size_t first_row) const;
  void fold_domains();
  void check_counts() const;

  SnapshotHeader header_;
  std::optional<Metric> metric_;                             // the only one that is wanted, if any
  bool fold_ = false;                                        // rows of one node become one
  std::array<std::uint64_t, 2 * kMetrics.size()> values_{};  // of each column, so far
  std::uint64_t row_count_ = 0;
  std::vector<std::uint8_t> begins_node_;  // of each row, whether it is its node's first
  std::array<std::uint64_t, 2 * kMetrics.size()> variances_{};  // the same of the variances
  Snapshot snapshot_;
  NodeId last_node_ = kRoot;      // where the next node's `up` starts
  std::uint32_t last_depth_ = 0;  // its depth
};

}  // namespace memtrace
