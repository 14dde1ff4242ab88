// Folded tracebacks, as flamegraph.pl reads them: "main;load;parse 4096", oldest frame first, bytes
// of the metric that was asked for. Of two snapshots, two numbers, before and after, as
// difffolded.pl prints them.
//
// Frames are known by one name, so that tracebacks with equal names become one line.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "analysis/grouping.hpp"
#include "export/export_format.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {
namespace {

// ";" ends a frame.
std::string folded_name(const FrameView& frame) {
  std::string name = frame_name(frame);
  std::ranges::replace(name, ';', ':');
  return name;
}

// A last name that ends in a number would be read as one more column.
void append_last(std::string& line, std::string_view name) {
  const std::size_t digits = name.find_last_not_of("0123456789.") + 1;
  const bool is_column = digits > 0 && digits < name.size() && name[digits - 1] == ' ';
  line += name;
  if (is_column) line[line.size() - (name.size() - digits) - 1] = '_';
}

class FoldedWriter {
 public:
  FoldedWriter(const ExportInput& input, Sink& sink) : input_(input), buffer_(sink) { merge(); }

  void write() {
    for (const NodeId node : ids_of(sizes_)) {
      const bool is_empty = std::ranges::all_of(sizes_[node], [](auto size) { return size == 0; });
      if (!is_empty) line(node);
    }
    buffer_.flush();
  }

 private:
  using Sizes = std::array<std::int64_t, 2>;

  void merge() {
    const Tracebacks& from = input_.rows.tables();
    TracebackBuilder builder;
    IdVector<FrameId, FrameId> frame_of;
    frame_of.reserve(from.frames.size());
    for (const Frame& frame : from.frames) {
      const std::string name = folded_name(view_of(from, frame));
      frame_of.push_back(builder.frame({.function = builder.string(name)}));
    }
    IdVector<NodeId, NodeId> node_of(from.nodes.size(), kRoot);
    for (const NodeId id : ids_of(from.nodes)) {
      if (id == kRoot) continue;
      const Node& node = from.nodes[id];
      node_of[id] = builder.child(node_of[node.parent], frame_of[node.frame]);
    }
    tables_ = builder.take();
    sizes_.resize(tables_.nodes.size(), {});
    for (std::size_t i = 0; i < input_.rows.snapshots(); ++i) {
      input_.for_each_row(i, [&](const SelectedRow& row) {
        sizes_[node_of[row.node]].at(i) += row[input_.metric].size;
      });
    }
  }

  [[nodiscard]] std::string_view name_of_node(NodeId node) const {
    return tables_.strings[tables_.frames[tables_.nodes[node].frame].function];
  }

  void line(NodeId node) {
    path_.clear();
    for (NodeId caller = tables_.nodes[node].parent; caller != kRoot;
         caller = tables_.nodes[caller].parent) {
      path_.push_back(caller);
    }
    std::string& text = buffer_.text();
    std::for_each(path_.rbegin(), path_.rend(), [&](NodeId caller) {
      text += name_of_node(caller);
      text += ';';
    });
    append_last(text, name_of_node(node));
    fmt::format_to(std::back_inserter(text), " {}", sizes_[node][0]);
    if (input_.is_comparison()) fmt::format_to(std::back_inserter(text), " {}", sizes_[node][1]);
    text += '\n';
    buffer_.line_done();
  }

  const ExportInput& input_;
  SinkBuffer buffer_;
  Tracebacks tables_;
  IdVector<NodeId, Sizes> sizes_;
  std::vector<NodeId> path_;
};

}  // namespace

ExportNotes export_folded(const ExportInput& input, Sink& sink) {
  FoldedWriter(input, sink).write();
  return {};
}

}  // namespace memtrace
