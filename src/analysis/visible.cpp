#include "analysis/visible.hpp"

#include <algorithm>

#include "analysis/frame_match.hpp"
#include "model/traceback_builder.hpp"

namespace memtrace {
namespace {

std::uint64_t count_marked(const IdVector<FrameId, char>& marks) {
  return static_cast<std::uint64_t>(std::count(marks.begin(), marks.end(), 1));
}

void mark_also(IdVector<FrameId, char>& marks, const IdVector<FrameId, char>& others) {
  for (const FrameId frame : ids_of(marks)) {
    if (others[frame] != 0) marks[frame] = 1;
  }
}

// Builds the tree anew without the hidden frames.
void rebuild(VisibleTracebacks& visible, const IdVector<FrameId, char>& hidden) {
  const Tracebacks& from = *visible.tables;
  Tracebacks tables;
  tables.strings = from.strings;
  tables.modules = from.modules;
  tables.frames = from.frames;
  TracebackBuilder builder(std::move(tables));
  visible.node_of = IdVector<NodeId, NodeId>(from.nodes.size(), kRoot);
  auto& node_of = visible.node_of;
  for (const NodeId id : ids_of(from.nodes)) {
    if (id == kRoot) continue;
    const Node& node = from.nodes[id];
    const NodeId caller = node_of[node.parent];
    node_of[id] = hidden[node.frame] != 0 ? caller : builder.child(caller, node.frame);
  }
  const NodeId all_hidden =
      builder.child(kRoot, builder.frame({.filename = builder.string(kHiddenFilename)}));
  for (NodeId& node : node_of) {
    if (node == kRoot) node = all_hidden;
  }
  visible.tables = std::make_shared<const Tracebacks>(builder.take());
}

}  // namespace

VisibleTracebacks hide_frames(std::shared_ptr<const Tracebacks> tables,
                              const Selection& selection) {
  IdVector<FrameId, char> hidden = match_patterns(*tables, selection.hide);
  if (selection.mine) mark_also(hidden, match_system(*tables));
  VisibleTracebacks visible{.tables = std::move(tables)};
  visible.hidden_frames = count_marked(hidden);
  if (!selection.raw_frames) {
    mark_also(hidden, match_machinery(*visible.tables));
    visible.machinery_frames = count_marked(hidden) - visible.hidden_frames;
  }
  if (visible.hidden_frames + visible.machinery_frames > 0) rebuild(visible, hidden);
  return visible;
}

}  // namespace memtrace
