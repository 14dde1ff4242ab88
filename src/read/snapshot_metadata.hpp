// The metadata section: what a snapshot file says of itself up front.
#pragma once

#include <span>

#include "mtrace/snapshot_info.hpp"

namespace memtrace {

struct SnapshotHeader {
  Metadata metadata;
  SnapshotInfo::Counts counts;  // as declared; the sections must add up to them
  std::array<std::optional<Amount>, kMetrics.size()> totals;  // present where the metric is
};

// Throws Error, with offsets into the section.
SnapshotHeader decode_metadata(std::span<const std::uint8_t> payload, std::uint32_t items);

}  // namespace memtrace
