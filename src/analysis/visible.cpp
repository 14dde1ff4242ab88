#include "analysis/visible.hpp"

#include <algorithm>

#include "analysis/frame_match.hpp"
#include "analysis/renaming.hpp"
#include "mtrace/snapshot_builder.hpp"

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

// Frames that are not shown: `always`, and those of an interpreter's own code on tracebacks that it
// runs a program's frames on. Elsewhere, as when it starts, they are all that there is to see.
struct HiddenFrames {
  IdVector<FrameId, char> always;
  IdVector<FrameId, char> interpreter{}, interpreted{};  // empty where they meet nowhere
};

// Nodes that were visited, as nodes of the tree that is built.
class NodeMap {
 public:
  NodeMap(const Tracebacks& from, const HiddenFrames& hidden)
      : from_(from), hidden_(hidden), node_of_(from.nodes.size(), kRoot) {
    if (hidden_.interpreter.empty()) return;
    is_interpreted_.resize(from.nodes.size(), 0);
    below_.resize(from.nodes.size(), kRoot);
  }

  // Parents first.
  void visit(NodeId id, FrameId as, TracebackBuilder& builder) {
    const Node& node = from_.nodes[id];
    const auto child = [&](NodeId caller, bool hidden) {
      return hidden ? caller : builder.child(caller, as);
    };
    const bool hidden = hidden_.always[node.frame] != 0;
    if (hidden_.interpreter.empty()) {
      node_of_[id] = child(node_of_[node.parent], hidden);
      return;
    }
    const bool hidden_too = hidden || hidden_.interpreter[node.frame] != 0;
    const bool is_interpreted =
        is_interpreted_[node.parent] != 0 || hidden_.interpreted[node.frame] != 0;
    below_[id] = child(below_[node.parent], hidden_too);
    is_interpreted_[id] = is_interpreted ? 1 : 0;
    node_of_[id] = is_interpreted ? below_[id] : child(node_of_[node.parent], hidden);
  }

  IdVector<NodeId, NodeId> take() { return std::move(node_of_); }

 private:
  const Tracebacks& from_;
  const HiddenFrames& hidden_;
  IdVector<NodeId, NodeId> node_of_;
  IdVector<NodeId, NodeId> below_;         // as a caller of the program's frames
  IdVector<NodeId, char> is_interpreted_;  // a frame of the program is on its path
};

// Builds the tree anew without the hidden frames, and with other names for the rest.
void rebuild(VisibleTracebacks& visible, const HiddenFrames& hidden, FrameRenaming rename) {
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
  NodeMap map(from, hidden);
  for (const NodeId id : ids_of(from.nodes)) {
    if (id != kRoot) map.visit(id, frame_of[from.nodes[id].frame], builder);
  }
  IdVector<NodeId, NodeId> node_of = map.take();
  const NodeId all_hidden =
      builder.child(kRoot, builder.frame({.filename = builder.string(kHiddenFilename)}));
  for (NodeId& node : node_of) {
    if (node == kRoot) node = all_hidden;
  }
  visible.all_hidden = all_hidden;
  compose(visible.node_of, std::move(node_of));
  visible.tables = std::make_shared<const Tracebacks>(builder.take());
}

// Whether any traceback has frames of both kinds.
bool meet(const Tracebacks& tables, const IdVector<FrameId, char>& some,
          const IdVector<FrameId, char>& others) {
  if (count_marked(some) == 0 || count_marked(others) == 0) return false;
  IdVector<NodeId, char> kinds(tables.nodes.size(), 0);
  for (const NodeId id : ids_of(tables.nodes)) {
    if (id == kRoot) continue;
    const Node& node = tables.nodes[id];
    const int own = (some[node.frame] != 0 ? 1 : 0) | (others[node.frame] != 0 ? 2 : 0);
    kinds[id] = static_cast<char>(kinds[node.parent] | own);
    if (kinds[id] == 3) return true;
  }
  return false;
}

// How many frames that are not hidden yet are hidden on some tracebacks now.
std::uint64_t hide_interpreter(const Tracebacks& tables, HiddenFrames& hidden) {
  IdVector<FrameId, char> interpreter = match_interpreter(tables);
  IdVector<FrameId, char> interpreted = match_interpreted(tables);
  if (!meet(tables, interpreter, interpreted)) return 0;
  std::uint64_t more = 0;
  for (const FrameId frame : ids_of(interpreter)) {
    if (interpreter[frame] != 0 && hidden.always[frame] == 0) ++more;
  }
  hidden.interpreter = std::move(interpreter);
  hidden.interpreted = std::move(interpreted);
  return more;
}

void map_prefixes(VisibleTracebacks& visible, const Selection& selection) {
  if (selection.map_prefixes.empty()) return;
  const auto mapped = [&](std::string_view filename) {
    return mapped_filename(filename, selection.map_prefixes);
  };
  rebuild(visible, {IdVector<FrameId, char>(visible.tables->frames.size())}, {mapped, {}});
}

}  // namespace

VisibleTracebacks hide_frames(std::shared_ptr<const Tracebacks> tables,
                              const Selection& selection) {
  VisibleTracebacks visible{.tables = std::move(tables)};
  map_prefixes(visible, selection);
  visible.named = visible.tables;
  HiddenFrames hidden{match_patterns(*visible.tables, selection.hide)};
  if (!selection.hide_function.empty()) {
    mark_also(hidden.always, match_functions(*visible.tables, selection.hide_function));
  }
  if (!selection.hide_module.empty()) {
    mark_also(hidden.always, match_modules(*visible.tables, selection.hide_module));
  }
  if (selection.mine) mark_also(hidden.always, match_system(*visible.tables));
  visible.hidden_frames = count_marked(hidden.always);
  if (!selection.raw_frames) {
    mark_also(hidden.always, match_machinery(*visible.tables));
    visible.machinery_frames = count_marked(hidden.always) - visible.hidden_frames;
    visible.machinery_frames += hide_interpreter(*visible.tables, hidden);
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
