#include "read/foreign_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "mtrace/error.hpp"
#include "wire/format.hpp"

namespace memtrace {

std::vector<Metric> wanted_metrics(const std::vector<Metric>& available, const ReadOptions& options,
                                   std::string_view file) {
  if (!options.metric) return available;
  if (std::ranges::find(available, *options.metric) != available.end()) return {*options.metric};
  std::string others;
  for (const Metric metric : available) {
    others += fmt::format("{}{}", others.empty() ? "" : " and ", name_of(metric));
  }
  throw Error(fmt::format("{} has no {} metric, only {}", file, name_of(*options.metric), others));
}

SnapshotInfo info_of(const Snapshot& snapshot, std::string format) {
  SnapshotInfo info;
  info.kind = snapshot.metadata.kind;
  info.format = std::move(format);
  info.metadata = snapshot.metadata;
  const Tracebacks& tables = snapshot.tracebacks;
  info.counts = {.strings = tables.strings.size(),
                 .modules = tables.modules.size(),
                 .frames = tables.frames.size(),
                 .nodes = tables.nodes.size() - 1,
                 .domains = snapshot.domains.size(),
                 .rows = snapshot.rows.size()};
  for (const Metric metric : kMetrics) {
    const auto& column = snapshot.rows[metric];
    if (column) info.totals.at(static_cast<std::size_t>(metric)) = total_of(*column);
  }
  return info;
}

NodeId BoundedTracebacks::child(NodeId caller, FrameId frame, std::uint64_t bytes) {
  constexpr std::uint64_t kNodesPerByte = 16, kFreeNodes = 1000;
  const NodeId node = builder_.child(caller, frame);
  if (index_of(node) < depth_.size()) return node;
  if (index_of(node) > kFreeNodes + kNodesPerByte * bytes) {
    throw Error::at_byte(bytes, "more inlined calls than a file of its size can have");
  }
  depth_.resize(builder_.tables().nodes.size(), 0);
  depth_[node] = depth_[caller] + 1;
  if (depth_[node] > wire::kMaxDepth) {
    throw Error::at_byte(bytes, "a traceback of more than a million frames");
  }
  return node;
}

}  // namespace memtrace
