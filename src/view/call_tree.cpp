#include "view/call_tree.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "render/location.hpp"

namespace memtrace {
namespace {

void add_to(Amount& sum, const Amount& more) {
  sum.size += more.size;
  sum.count += more.count;
}

bool is_bigger(const Amounts& a, const Amounts& b) {
  const auto rank = [](const Amounts& amounts) {
    const std::int64_t change = amounts.size_diff();
    return std::pair(change < 0 ? -change : change, amounts.after.size);
  };
  return rank(a) > rank(b);
}

std::vector<CallTree::Neighbour> ranked(const std::map<PlaceId, Amounts>& sums) {
  std::vector<CallTree::Neighbour> neighbours;
  neighbours.reserve(sums.size());
  for (const auto& [place, amounts] : sums) neighbours.push_back({place, amounts});
  std::stable_sort(neighbours.begin(), neighbours.end(),
                   [](const auto& a, const auto& b) { return is_bigger(a.amounts, b.amounts); });
  return neighbours;
}

// What is said of a node by those above it.
struct Above {
  NodeId node;
  bool is_below_place = false;
  PlaceId caller = kNowhere, callee = kNowhere;
};

}  // namespace

Amounts& Amounts::operator+=(const Amounts& other) {
  add_to(before, other.before);
  add_to(after, other.after);
  return *this;
}

namespace {

// Calls visit(node) for all but the root, those that are called after their callers.
template <class Visit>
void for_each_node(const TracebackTree& tree, const Visit& visit) {
  std::vector<NodeId> nodes = {kRoot};
  while (!nodes.empty()) {
    const NodeId node = nodes.back();
    nodes.pop_back();
    for (NodeId child = tree.first_child(node); child != kNone<NodeId>;
         child = tree.next_sibling(child)) {
      nodes.push_back(child);
    }
    if (node != kRoot) visit(node);
  }
}

}  // namespace

CallTree::CallTree(TracebackTree tree, GroupBy group_by)
    : tree_(std::move(tree)), group_by_(group_by), places_(tree_.frames(), kNowhere) {
  // Of tracebacks and address spaces, the lines.
  if (group_by == GroupBy::traceback || group_by == GroupBy::domain) group_by_ = GroupBy::lineno;
  for_each_node(tree_, [&](NodeId node) {
    if (places_[tree_.frame_id(node)] != kNowhere) return;
    const std::string name = tracemalloc_name(tree_.frame(node), group_by_, Style());
    const auto [found, is_new] = by_name_.try_emplace(name, examples_.end_id());
    if (is_new) {
      examples_.push_back(node);
      names_.push_back(&found->first);
    }
    places_[tree_.frame_id(node)] = found->second;
  });
}

Amounts CallTree::own(NodeId node) const {
  if (tree_.snapshots() == 1) return {{}, tree_.own(node)};
  return {tree_.own(node, 0), tree_.own(node, 1)};
}

Amounts CallTree::total(NodeId node) const {
  if (tree_.snapshots() == 1) return {{}, tree_.total(node)};
  return {tree_.total(node, 0), tree_.total(node, 1)};
}

PlaceId CallTree::find(const FrameView& frame) const {
  return find_name(tracemalloc_name(frame, group_by_, Style()));
}

PlaceId CallTree::find_name(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? kNowhere : found->second;
}

CallTree::Neighbours CallTree::neighbours(PlaceId focus) const {
  Neighbours result;
  std::map<PlaceId, Amounts> callers, callees;
  std::vector<Above> nodes = {{kRoot}};
  while (!nodes.empty()) {
    const Above above = nodes.back();
    nodes.pop_back();
    const bool is_place = above.node != kRoot && place(above.node) == focus;
    for (NodeId child = tree_.first_child(above.node); child != kNone<NodeId>;
         child = tree_.next_sibling(child)) {
      Above next = above;
      next.node = child;
      if (place(child) == focus) {
        if (!above.is_below_place && above.node != kRoot) next.caller = place(above.node);
        next.is_below_place = true;
        next.callee = kNowhere;
      } else if (is_place) {
        next.callee = place(child);
      }
      nodes.push_back(next);
    }
    const Amounts amounts = own(above.node);
    if (!above.is_below_place || amounts.is_nothing()) continue;
    result.total += amounts;
    callers[above.caller] += amounts;
    (is_place ? result.own : callees[above.callee]) += amounts;
  }
  result.callers = ranked(callers);
  result.callees = ranked(callees);
  return result;
}

std::vector<CallTree::Traceback> CallTree::tracebacks(PlaceId focus) const {
  std::vector<Traceback> result;
  for_each_node(tree_, [&](NodeId node) {
    if (place(node) != focus) return;
    const Amounts amounts = own(node);
    if (!amounts.is_nothing()) result.push_back({node, amounts});
  });
  std::sort(result.begin(), result.end(), [](const Traceback& a, const Traceback& b) {
    if (is_bigger(a.amounts, b.amounts)) return true;
    return !is_bigger(b.amounts, a.amounts) && a.node < b.node;
  });
  return result;
}

std::vector<FrameView> CallTree::frames(NodeId node) const {
  std::vector<FrameView> frames;
  for (; node != kRoot; node = tree_.parent(node)) frames.push_back(tree_.frame(node));
  return frames;
}

}  // namespace memtrace
