#include "analysis/visible.hpp"

#include <algorithm>

#include "analysis/frame_match.hpp"
#include "analysis/renaming.hpp"
#include "analysis/template_arguments.hpp"
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

// Translates id -> id in between -> id in one step; empty stands for ids that stay.
void compose(IdVector<NodeId, NodeId>& node_of, IdVector<NodeId, NodeId> then) {
  if (node_of.empty()) {
    node_of = std::move(then);
    return;
  }
  for (NodeId& node : node_of) node = then[node];
}

// Builds the tree anew without the hidden frames, and with other names for the rest.
void rebuild(VisibleTracebacks& visible, const IdVector<FrameId, char>& hidden,
             FrameRenaming rename) {
  const Tracebacks& from = *visible.tables;
  TracebackBuilder builder({.strings = from.strings,
                            .modules = from.modules,
                            .frames = {},
                            .nodes = IdVector<NodeId, Node>(1)});
  IdVector<FrameId, FrameId> frame_of;
  frame_of.reserve(from.frames.size());
  for (const Frame& frame : from.frames) {
    frame_of.push_back(builder.frame(rename(frame, builder)));
  }
  IdVector<NodeId, NodeId> node_of(from.nodes.size(), kRoot);
  for (const NodeId id : ids_of(from.nodes)) {
    if (id == kRoot) continue;
    const Node& node = from.nodes[id];
    const NodeId caller = node_of[node.parent];
    node_of[id] = hidden[node.frame] != 0 ? caller : builder.child(caller, frame_of[node.frame]);
  }
  const NodeId all_hidden =
      builder.child(kRoot, builder.frame({.filename = builder.string(kHiddenFilename)}));
  for (NodeId& node : node_of) {
    if (node == kRoot) node = all_hidden;
  }
  compose(visible.node_of, std::move(node_of));
  visible.tables = std::make_shared<const Tracebacks>(builder.take());
}

void map_prefixes(VisibleTracebacks& visible, const Selection& selection) {
  if (selection.map_prefixes.empty()) return;
  const auto mapped = [&](std::string_view filename) {
    return mapped_filename(filename, selection.map_prefixes);
  };
  rebuild(visible, IdVector<FrameId, char>(visible.tables->frames.size()), {mapped, {}});
}

}  // namespace

VisibleTracebacks hide_frames(std::shared_ptr<const Tracebacks> tables,
                              const Selection& selection) {
  VisibleTracebacks visible{.tables = std::move(tables)};
  map_prefixes(visible, selection);
  IdVector<FrameId, char> hidden = match_patterns(*visible.tables, selection.hide);
  if (selection.mine) mark_also(hidden, match_system(*visible.tables));
  visible.hidden_frames = count_marked(hidden);
  if (!selection.raw_frames) {
    mark_also(hidden, match_machinery(*visible.tables));
    visible.machinery_frames = count_marked(hidden) - visible.hidden_frames;
  }
  // The machinery is known by its whole names.
  const FrameRenaming::Rename shorter =
      selection.strip_template_args ? without_template_arguments : FrameRenaming::Rename();
  if (visible.hidden_frames + visible.machinery_frames > 0 || shorter) {
    rebuild(visible, hidden, {{}, shorter});
  }
  return visible;
}

}  // namespace memtrace
