#include "view/flame_cells.hpp"

#include <algorithm>
#include <cmath>

namespace memtrace {
namespace {

double own_weight(const CallTree& calls, NodeId node) {
  const Amounts own = calls.own(node);
  return static_cast<double>(std::max(own.before.size, own.after.size));
}

}  // namespace

void FlameCells::weigh(const CallTree& calls) {
  const TracebackTree& tree = calls.tree();
  std::vector<NodeId> order = {kRoot};
  std::size_t most = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, index_of(order[i]));
    for (NodeId child = tree.first_child(order[i]); child != kNone<NodeId>;
         child = tree.next_sibling(child)) {
      order.push_back(child);
    }
  }
  weights_ = IdVector<NodeId, double>(most + 1, 0);
  // Those that are called stand behind their callers.
  // NOLINTNEXTLINE(modernize-loop-convert): not every compiler has a view that is reversed
  for (auto node = order.rbegin(); node != order.rend(); ++node) {
    weights_[*node] += own_weight(calls, *node);
    if (*node != kRoot) weights_[tree.parent(*node)] += weights_[*node];
  }
}

void FlameCells::lay_out(const CallTree& calls, NodeId root, std::size_t columns,
                         std::size_t rows) {
  const TracebackTree& tree = calls.tree();
  cells_ = {{root, 0, 0, columns}};
  for (std::size_t at = 0; at < cells_.size(); ++at) {
    const FlameCell cell = cells_[at];
    if (cell.row + 1 >= rows) continue;
    std::vector<NodeId> children;
    for (NodeId child = tree.first_child(cell.node); child != kNone<NodeId>;
         child = tree.next_sibling(child)) {
      children.push_back(child);
    }
    std::sort(children.begin(), children.end(), [&](NodeId a, NodeId b) {
      return weights_[a] != weights_[b] ? weights_[a] > weights_[b] : a < b;
    });
    const double whole = weights_[cell.node];
    double sum = 0;
    std::size_t column = 0;
    for (const NodeId child : children) {
      if (whole <= 0) break;
      sum += weights_[child];
      const double end = sum / whole * static_cast<double>(cell.width);
      const auto end_column = std::min(cell.width, static_cast<std::size_t>(std::lround(end)));
      if (end_column == column) continue;
      cells_.push_back({child, cell.row + 1, cell.column + column, end_column - column});
      column = end_column;
    }
  }
}

const FlameCell* FlameCells::find(NodeId node) const {
  const auto found = std::find_if(cells_.begin(), cells_.end(),
                                  [&](const FlameCell& cell) { return cell.node == node; });
  return found == cells_.end() ? nullptr : &*found;
}

const FlameCell* FlameCells::below(NodeId node) const {
  const FlameCell* const from = find(node);
  if (from == nullptr) return nullptr;
  for (const FlameCell& cell : cells_) {
    const bool is_within = cell.column >= from->column && cell.column < from->column + from->width;
    if (cell.row == from->row + 1 && is_within) return &cell;
  }
  return nullptr;
}

const FlameCell* FlameCells::above(NodeId node) const {
  const FlameCell* const from = find(node);
  if (from == nullptr || from->row == 0) return nullptr;
  for (const FlameCell& cell : cells_) {
    const bool is_around = cell.column <= from->column && from->column < cell.column + cell.width;
    if (cell.row + 1 == from->row && is_around) return &cell;
  }
  return nullptr;
}

const FlameCell* FlameCells::beside(NodeId node, bool is_right) const {
  const FlameCell* const from = find(node);
  const FlameCell* nearest = nullptr;
  for (const FlameCell& cell : cells_) {
    if (from == nullptr || cell.row != from->row) continue;
    if (is_right ? cell.column <= from->column : cell.column >= from->column) continue;
    const bool is_nearer = nearest == nullptr || (is_right ? cell.column < nearest->column
                                                           : cell.column > nearest->column);
    if (is_nearer) nearest = &cell;
  }
  return nearest;
}

}  // namespace memtrace
