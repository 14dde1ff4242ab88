// Adding up rows by group.
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
