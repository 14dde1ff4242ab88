// A tree of calls as cells of a terminal: a row for each depth, callers above those they call.
#pragma once

#include <cstddef>
#include <vector>

#include "view/call_tree.hpp"

namespace memtrace {

struct FlameCell {
  NodeId node{};
  std::size_t row = 0, column = 0, width = 0;
};

// A node is as wide as its memory's part of the root's. Of two snapshots, the bigger side of each
// block counts, so that what is gone has its place, too. What is smaller than a cell is left out.
class FlameCells {
 public:
  // Once for all pictures of one tree.
  void weigh(const CallTree& calls);
  void lay_out(const CallTree& calls, NodeId root, std::size_t columns, std::size_t rows);

  [[nodiscard]] const std::vector<FlameCell>& cells() const { return cells_; }
  [[nodiscard]] const FlameCell* find(NodeId node) const;
  // The nearest cell in that direction; nullptr: there is none.
  [[nodiscard]] const FlameCell* below(NodeId node) const;
  [[nodiscard]] const FlameCell* above(NodeId node) const;
  [[nodiscard]] const FlameCell* beside(NodeId node, bool is_right) const;

 private:
  IdVector<NodeId, double> weights_;
  std::vector<FlameCell> cells_;  // by row, then by column
};

}  // namespace memtrace
