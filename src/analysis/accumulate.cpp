#include "analysis/accumulate.hpp"

#include <type_traits>

#include "mtrace/report.hpp"

namespace memtrace {
namespace {

template <class Value>
void add(Value& to, const Value& value) {
  to.size += value.size;
  to.count += value.count;
}

template <class Value>
Value value_at(const Column& column, std::size_t row) {
  if constexpr (std::is_same_v<Value, Variance>) {
    return {column.size_variance[row], column.count_variance[row]};
  } else {
    return {column.size[row], column.count[row]};
  }
}

// Own node -> `value(grouping's node)`, kNone where the node's blocks are dropped. Worked out once
// a node, so that a row costs one look-up.
template <class Id, class Value>
IdVector<NodeId, Id> for_own_nodes(const RowSource& source, const IdVector<NodeId, char>& kept,
                                   const Value& value) {
  const std::size_t size = source.node_of.empty() ? kept.size() : source.node_of.size();
  IdVector<NodeId, Id> values(size, kNone<Id>);
  for (const NodeId own : ids_of(values)) {
    const NodeId node = source.node_of.empty() ? own : source.node_of[own];
    if (node != kRoot && kept[node] != 0) values[own] = value(node);
  }
  return values;
}

// Calls add_row(row, value of its node, grouping's domain) for every kept row.
template <class Id, class AddRow>
void for_kept_rows(const RowSource& source, const IdVector<NodeId, Id>& values,
                   const IdVector<DomainId, char>& kept_domains, const AddRow& add_row) {
  IdVector<DomainId, DomainId> domains;
  for (const DomainId domain : source.domain_of) {
    domains.push_back(kept_domains[domain] != 0 ? domain : kNone<DomainId>);
  }
  const Rows& rows = *source.rows;
  const std::size_t size = rows.size();
  for (std::size_t row = 0; row < size; ++row) {
    const Id value = values[rows.node[row]];
    const DomainId domain = domains[rows.domain[row]];
    if (value != kNone<Id> && domain != kNone<DomainId>) add_row(row, value, domain);
  }
}

// Adds the amount of every subtree to the group of its top, unless a node above has that group
// already: so recursion counts once. Depth first, without recursion of our own, because a traceback
// may have a million frames.
template <class Value>
void add_subtrees(const IdVector<NodeId, Value>& totals, const Grouping& grouping,
                  IdVector<GroupId, Value>& groups) {
  const auto& nodes = grouping.tables().nodes;
  const Children children(
      nodes, [&](NodeId node) { return totals[node].size != 0 || totals[node].count != 0; });
  IdVector<GroupId, std::uint32_t> open(grouping.size());  // nodes of the group on the way down
  NodeId node = children.first[kRoot];
  while (node != kNone<NodeId>) {
    const GroupId group = grouping.group_of(node);
    if (open[group]++ == 0) add(groups[group], totals[node]);
    NodeId next = children.first[node];
    while (next == kNone<NodeId> && node != kRoot) {
      --open[grouping.group_of(node)];
      next = children.next[node];
      node = nodes[node].parent;
    }
    node = next;
  }
}

}  // namespace

template <class Value>
IdVector<NodeId, Value> own_sums(const RowSource& source, const Tracebacks& tables,
                                 const IdVector<NodeId, char>& kept_nodes,
                                 const IdVector<DomainId, char>& kept_domains) {
  IdVector<NodeId, Value> sums(tables.nodes.size());
  const auto nodes = for_own_nodes<NodeId>(source, kept_nodes, [](NodeId node) { return node; });
  for_kept_rows(source, nodes, kept_domains, [&](std::size_t row, NodeId node, DomainId) {
    add(sums[node], value_at<Value>(*source.column, row));
  });
  return sums;
}

// Callers have smaller ids.
template <class Value>
void add_to_callers(IdVector<NodeId, Value>& sums, const Tracebacks& tables) {
  for (std::size_t i = tables.nodes.size(); i-- > 1;) {
    const NodeId node{static_cast<std::uint32_t>(i)};
    add(sums[tables.nodes[node].parent], sums[node]);
  }
}

template <class Value>
Accumulated<Value> accumulate(const RowSource& source, const Grouping& grouping,
                              const IdVector<NodeId, char>& kept_nodes,
                              const IdVector<DomainId, char>& kept_domains, bool cumulative) {
  Accumulated<Value> result{.groups = IdVector<GroupId, Value>(grouping.size())};
  if (cumulative) {
    IdVector<NodeId, Value> sums =
        own_sums<Value>(source, grouping.tables(), kept_nodes, kept_domains);
    add_to_callers(sums, grouping.tables());
    result.total = sums[kRoot];
    add_subtrees(sums, grouping, result.groups);
    return result;
  }
  const bool by_domain = grouping.group_by() == GroupBy::domain;
  const auto own_groups = for_own_nodes<GroupId>(source, kept_nodes, [&](NodeId node) {
    return by_domain ? GroupId{0} : grouping.group_of(node);
  });
  for_kept_rows(source, own_groups, kept_domains,
                [&](std::size_t row, GroupId group, DomainId domain) {
                  if (by_domain) group = GroupId{static_cast<std::uint32_t>(domain)};
                  add(result.groups[group], value_at<Value>(*source.column, row));
                });
  for (const Value& value : result.groups) add(result.total, value);
  return result;
}

template IdVector<NodeId, Amount> own_sums(const RowSource&, const Tracebacks&,
                                           const IdVector<NodeId, char>&,
                                           const IdVector<DomainId, char>&);
template void add_to_callers(IdVector<NodeId, Amount>&, const Tracebacks&);
template Accumulated<Amount> accumulate(const RowSource&, const Grouping&,
                                        const IdVector<NodeId, char>&,
                                        const IdVector<DomainId, char>&, bool);
template Accumulated<Variance> accumulate(const RowSource&, const Grouping&,
                                          const IdVector<NodeId, char>&,
                                          const IdVector<DomainId, char>&, bool);

}  // namespace memtrace
