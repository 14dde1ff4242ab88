// Adding up rows: by group, and down the tree of tracebacks.
#pragma once

#include "analysis/grouping.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// One snapshot's rows and how its ids translate into those of the grouping's tables.
struct RowSource {
  const Rows* rows = nullptr;
  const Column* column = nullptr;            // of the metric that was asked for
  IdVector<NodeId, NodeId> node_of{};        // own node -> grouping's node; empty: the same
  IdVector<DomainId, DomainId> domain_of{};  // own domain -> grouping's domain
};

// The children of every node, as lists threaded through two arrays; kNone ends them. Nodes that are
// not wanted are left out.
struct Children {
  template <class Wanted>
  Children(const IdVector<NodeId, Node>& nodes, const Wanted& is_wanted)
      : first(nodes.size(), kNone<NodeId>), next(nodes.size(), kNone<NodeId>) {
    for (std::size_t i = nodes.size(); i-- > 1;) {
      const NodeId node{static_cast<std::uint32_t>(i)};
      if (!is_wanted(node)) continue;
      next[node] = first[nodes[node].parent];
      first[nodes[node].parent] = node;
    }
  }

  IdVector<NodeId, NodeId> first, next;
};

// What every node's own kept blocks add up to.
template <class Value>
IdVector<NodeId, Value> own_sums(const RowSource& source, const Tracebacks& tables,
                                 const IdVector<NodeId, char>& kept_nodes,
                                 const IdVector<DomainId, char>& kept_domains);
// Adds each node's sum to its caller's, so that they are totals of subtrees.
template <class Value>
void add_to_callers(IdVector<NodeId, Value>& sums, const Tracebacks& tables);

template <class Value>
struct Accumulated {
  IdVector<GroupId, Value> groups;
  Value total{};  // of all kept blocks, each once
};

// One pass over the rows; cumulative, a pass down the tree more. Sums cannot overflow, because the
// whole column's does not.
//
// Value is Amount, or Variance where the column holds estimates.
template <class Value>
Accumulated<Value> accumulate(const RowSource& source, const Grouping& grouping,
                              const IdVector<NodeId, char>& kept_nodes,
                              const IdVector<DomainId, char>& kept_domains, bool cumulative);

}  // namespace memtrace
