// Hiding frames: a tree without them, in which every block belongs to its next visible caller.
#pragma once

#include <cstdint>
#include <memory>

#include "mtrace/selection.hpp"

namespace memtrace {

// The file name of blocks whose frames are all hidden; their line is 0.
inline constexpr std::string_view kHiddenFilename = "<hidden>";

struct VisibleTracebacks {
  // The tables to go on with. Where nothing is hidden or renamed they are the ones that came in.
  std::shared_ptr<const Tracebacks> tables;
  // The same before anything was hidden, by the names that frames are hidden by.
  std::shared_ptr<const Tracebacks> named{};
  // Node that came in -> visible node. Empty where ids stay.
  IdVector<NodeId, NodeId> node_of{};
  NodeId all_hidden = kRoot;           // blocks of which no frame is visible; kRoot: there are none
  std::uint64_t hidden_frames = 0;     // distinct frames, by --hide and --mine
  std::uint64_t machinery_frames = 0;  // distinct frames of the allocation machinery
};

// Costs a pass over the frames; only where something is hidden or renamed, the tree is built anew,
// because tracebacks that differ in that alone become one.
VisibleTracebacks hide_frames(std::shared_ptr<const Tracebacks> tables, const Selection& selection);

}  // namespace memtrace
