// The rows that a selection keeps, with all their metrics: what is handed to other tools.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "mtrace/report.hpp"

namespace memtrace {

class ReportBuilder;

struct SelectedRow {
  NodeId node{};      // of SelectedRows::tables()
  DomainId domain{};  // of SelectedRows::domains()
  // By metric; nothing where the snapshot lacks the metric.
  std::array<Amount, kMetrics.size()> amounts{};

  [[nodiscard]] const Amount& operator[](Metric metric) const {
    return amounts[static_cast<std::size_t>(metric)];
  }
  Amount& operator[](Metric metric) { return amounts[static_cast<std::size_t>(metric)]; }
};

// Of one snapshot or of two (before, after), over one set of tables. Rows are not copied: it costs
// four bytes a row and four a node. The snapshots must outlive it.
class SelectedRows : public Report {
 public:
  SelectedRows(std::span<const Snapshot* const> snapshots, const Selection& selection);

  [[nodiscard]] std::size_t snapshots() const { return sources_.size(); }
  [[nodiscard]] const Snapshot& snapshot(std::size_t index) const { return *sources_[index].of; }
  // The visible tracebacks.
  [[nodiscard]] const Tracebacks& tables() const { return *tables_; }
  [[nodiscard]] const IdVector<DomainId, Domain>& domains() const { return domains_; }
  // Whether all the snapshots have it.
  [[nodiscard]] bool has(Metric metric) const;

  // Every (node, domain) once, in the order of nodes and of domains; without those that have no
  // block in any metric.
  void for_each(std::size_t snapshot, const std::function<void(const SelectedRow&)>& visit) const;

 private:
  // The rows of a node are row[first[node]] to row[first[node + 1] - 1].
  struct Source {
    const Snapshot* of = nullptr;
    IdVector<DomainId, DomainId> domain_of{};  // kNone: not kept
    std::vector<std::uint32_t> first{}, row{};
  };

  void sort_rows(Source& source, const IdVector<NodeId, NodeId>& node_of,
                 const IdVector<NodeId, char>& kept) const;
  void visit_node(const Source& source, NodeId node, std::vector<SelectedRow>& by_domain) const;

  std::shared_ptr<const Tracebacks> tables_;
  IdVector<DomainId, Domain> domains_;
  std::vector<Source> sources_;
};

}  // namespace memtrace
