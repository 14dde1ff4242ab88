// What the readers of other tools' files have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/read.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {

// Those of `available` that the options ask for. Throws Error where that is none: `file` is what
// the input is called, as in "this massif output".
std::vector<Metric> wanted_metrics(const std::vector<Metric>& available, const ReadOptions& options,
                                   std::string_view file);

// The summary of a file that has to be read for it. `format` names the format and its version.
SnapshotInfo info_of(const Snapshot& snapshot, std::string format);

// Grows tracebacks from their oldest frames on, within what a file of its size can mean: inlined
// calls let few bytes stand for many frames.
class BoundedTracebacks {
 public:
  explicit BoundedTracebacks(TracebackBuilder& builder) : builder_(builder) {}

  [[nodiscard]] TracebackBuilder& builder() { return builder_; }
  // `bytes` of the file were read so far. Throws Error.
  NodeId child(NodeId caller, FrameId frame, std::uint64_t bytes);

 private:
  TracebackBuilder& builder_;
  IdVector<NodeId, std::uint32_t> depth_{1};
};

}  // namespace memtrace
