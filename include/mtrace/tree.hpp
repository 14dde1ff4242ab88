// The tree of tracebacks with the memory of each node, for flame graphs and exports.
#pragma once

#include <memory>
#include <vector>

#include "mtrace/export.hpp"
#include "mtrace/report.hpp"

namespace memtrace {

// The visible tracebacks of the selected blocks, of one snapshot or of two (before, after). The
// root is the empty traceback; a node's parent is its caller. A node's own amount counts the blocks
// whose most recent visible frame it is; its total adds those of all nodes below it.
class MTRACE_API TracebackTree {
 public:
  // One or two. The functions below take an index: 0 is the only snapshot, or before; 1 is after.
  [[nodiscard]] std::size_t snapshots() const { return sums_.size(); }

  [[nodiscard]] const Amount& own(NodeId node, std::size_t snapshot = 0) const {
    return sums_[snapshot].own[node];
  }
  [[nodiscard]] const Amount& total(NodeId node, std::size_t snapshot = 0) const {
    return sums_[snapshot].total[node];
  }

  // for (NodeId child = first_child(node); child != kNone<NodeId>; child = next_sibling(child)).
  // Visits only nodes with memory in one of the snapshots. The order has no meaning.
  [[nodiscard]] NodeId first_child(NodeId node) const { return first_child_[node]; }
  [[nodiscard]] NodeId next_sibling(NodeId node) const { return next_sibling_[node]; }
  [[nodiscard]] NodeId parent(NodeId node) const { return tables_->nodes[node].parent; }

  // The root has no frame.
  [[nodiscard]] FrameView frame(NodeId node) const;
  // Equal for nodes with the same frame, and smaller than frames(): an index into a table.
  [[nodiscard]] FrameId frame_id(NodeId node) const { return tables_->nodes[node].frame; }
  [[nodiscard]] std::size_t frames() const { return tables_->frames.size(); }

 private:
  friend class ReportBuilder;
  struct Sums {
    IdVector<NodeId, Amount> own, total;
  };

  std::shared_ptr<const Tracebacks> tables_;
  std::vector<Sums> sums_;
  IdVector<NodeId, NodeId> first_child_, next_sibling_;  // kNone: there is none
};

// Takes the same time as a report. Ignores the selection's group_by and cumulative. A single
// snapshot must outlive the tree, which refers to its tables. Throws Error.
MTRACE_API TracebackTree traceback_tree(const Snapshot& snapshot, const Selection& selection);
TracebackTree traceback_tree(Snapshot&& snapshot, const Selection& selection) = delete;
MTRACE_API TracebackTree traceback_tree(const Snapshot& before, const Snapshot& after,
                                        const Selection& selection);

}  // namespace memtrace
