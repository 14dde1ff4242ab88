#include "analysis/selected_rows.hpp"

#include <algorithm>
#include <limits>

#include "analysis/report_builder.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// Grouping by domain is the least work.
Selection ungrouped(Selection selection) {
  selection.group_by = GroupBy::domain;
  selection.cumulative = false;
  return selection;
}

}  // namespace

SelectedRows::SelectedRows(std::span<const Snapshot* const> snapshots, const Selection& selection) {
  const ReportBuilder builder(snapshots, ungrouped(selection));
  builder.describe(*this, 0, 0);
  const Grouping& grouping = builder.grouping();
  tables_ = grouping.shared_tables();
  for (std::uint32_t i = 0; i < grouping.size(); ++i) {
    domains_.push_back(grouping.domain(GroupId{i}));
  }
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    const RowSource& rows = builder.sources()[i];
    Source source{.of = snapshots[i]};
    for (const DomainId domain : rows.domain_of) {
      source.domain_of.push_back(builder.domain_is_kept()[domain] != 0 ? domain : kNone<DomainId>);
    }
    sort_rows(source, rows.node_of, builder.node_is_kept());
    sources_.push_back(std::move(source));
  }
}

bool SelectedRows::has(Metric metric) const {
  return std::ranges::all_of(
      sources_, [&](const Source& source) { return source.of->rows[metric].has_value(); });
}

// Two passes: how many rows each node has, then where each row goes.
void SelectedRows::sort_rows(Source& source, const IdVector<NodeId, NodeId>& node_of,
                             const IdVector<NodeId, char>& kept) const {
  const Rows& rows = source.of->rows;
  if (rows.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error("more than 4294967295 rows cannot be exported");
  }
  const auto node_of_row = [&](std::size_t row) {
    const NodeId own = rows.node[row];
    const NodeId node = node_of.empty() ? own : node_of[own];
    const bool is_kept =
        node != kRoot && kept[node] != 0 && source.domain_of[rows.domain[row]] != kNone<DomainId>;
    return is_kept ? node : kRoot;
  };
  source.first.resize(tables_->nodes.size() + 1, 0);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const NodeId node = node_of_row(row);
    if (node != kRoot) ++source.first[index_of(node)];
  }
  std::uint32_t sum = 0;
  for (std::uint32_t& first : source.first) {
    sum += first;
    first = sum;
  }
  source.row.resize(sum);
  // Backwards, so that the rows of a node stay in order and `first` ends at the first of them.
  for (std::size_t row = rows.size(); row-- > 0;) {
    const NodeId node = node_of_row(row);
    if (node != kRoot) source.row[--source.first[index_of(node)]] = static_cast<std::uint32_t>(row);
  }
}

// Fills `by_domain` with the node's rows, added up.
void SelectedRows::visit_node(const Source& source, NodeId node,
                              std::vector<SelectedRow>& by_domain) const {
  by_domain.clear();
  const Rows& rows = source.of->rows;
  for (std::uint32_t i = source.first[index_of(node)]; i < source.first[index_of(node) + 1]; ++i) {
    const std::uint32_t row = source.row[i];
    SelectedRow selected{.node = node, .domain = source.domain_of[rows.domain[row]]};
    for (const Metric metric : kMetrics) {
      const std::optional<Column>& column = rows[metric];
      if (column) selected[metric] = {column->size[row], column->count[row]};
    }
    by_domain.push_back(selected);
  }
  if (by_domain.size() < 2) return;
  std::ranges::sort(by_domain, {}, &SelectedRow::domain);
  std::size_t last = 0;
  for (std::size_t i = 1; i < by_domain.size(); ++i) {
    if (by_domain[i].domain != by_domain[last].domain) {
      by_domain[++last] = by_domain[i];
      continue;
    }
    for (const Metric metric : kMetrics) {
      by_domain[last][metric].size += by_domain[i][metric].size;
      by_domain[last][metric].count += by_domain[i][metric].count;
    }
  }
  by_domain.resize(last + 1);
}

void SelectedRows::for_each(std::size_t snapshot,
                            const std::function<void(const SelectedRow&)>& visit) const {
  const Source& source = sources_[snapshot];
  std::vector<SelectedRow> by_domain;
  for (const NodeId node : ids_of(tables_->nodes)) {
    if (source.first[index_of(node)] == source.first[index_of(node) + 1]) continue;
    visit_node(source, node, by_domain);
    for (const SelectedRow& row : by_domain) {
      const bool is_empty =
          std::ranges::all_of(row.amounts, [](const Amount& amount) { return amount == Amount(); });
      if (!is_empty) visit(row);
    }
  }
}

}  // namespace memtrace
