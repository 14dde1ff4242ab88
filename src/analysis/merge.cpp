#include "mtrace/merge.hpp"

#include <algorithm>

#include "model/memory_amounts.hpp"
#include "model/row_builder.hpp"
#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"

namespace memtrace {
namespace {

template <class T>
void keep_if_equal(std::optional<T>& to, const std::optional<T>& other) {
  if (to != other) to.reset();
}

void keep_if_equal(std::string& to, const std::string& other) {
  if (to != other) to.clear();
}

template <class T, class Combine>
void combine(std::optional<T>& to, const std::optional<T>& other, const Combine& how) {
  to = to && other ? std::optional<T>(how(*to, *other)) : std::nullopt;
}

// Amounts add up; pages that processes share count once for each. Processes of one control group
// meet the same limit, and share what it has used: the most that one of them saw.
void merge_memory(ProcessMemory& to, const ProcessMemory& other) {
  const bool is_one_group =
      to.cgroup_limit == other.cgroup_limit && to.cgroup_use && other.cgroup_use;
  const auto use = is_one_group ? std::max(to.cgroup_use, other.cgroup_use) : std::nullopt;
  const auto limit = is_one_group ? to.cgroup_limit : std::nullopt;
  for (const auto& [name, amount] : kMemoryAmounts) {
    combine(to.*amount, other.*amount,
            [](std::uint64_t a, std::uint64_t b) { return checked_add(a, b); });
  }
  to.cgroup_use = use;
  to.cgroup_limit = limit;
  keep_if_equal(to.allocator, other.allocator);
}

// What all have in common stays; moments span; amounts add up.
void merge_metadata(Metadata& to, const Metadata& other) {
  const auto sum = [](std::uint64_t a, std::uint64_t b) { return checked_add(a, b); };
  const auto earlier = [](std::int64_t a, std::int64_t b) { return std::min(a, b); };
  const auto later = [](std::int64_t a, std::int64_t b) { return std::max(a, b); };
  if (to.kind != other.kind) to.kind = SnapshotKind::mtrace;
  keep_if_equal(to.program, other.program);
  if (to.command != other.command) to.command.clear();
  keep_if_equal(to.pid, other.pid);
  keep_if_equal(to.host, other.host);
  combine(to.started, other.started, earlier);
  combine(to.created, other.created, later);
  keep_if_equal(to.traceback_limit, other.traceback_limit);
  keep_if_equal(to.sampling_rate, other.sampling_rate);
  combine(to.current, other.current, sum);
  combine(to.peak, other.peak, sum);
  combine(to.tracer_memory, other.tracer_memory, sum);
  to.merged = sum(to.merged, other.merged);
  to.losses.truncated_tracebacks =
      sum(to.losses.truncated_tracebacks, other.losses.truncated_tracebacks);
  to.losses.dropped_blocks = sum(to.losses.dropped_blocks, other.losses.dropped_blocks);
  to.losses.unknown_frees = sum(to.losses.unknown_frees, other.losses.unknown_frees);
  to.losses.missing_threads = sum(to.losses.missing_threads, other.losses.missing_threads);
  combine(to.work, other.work, sum);
  std::erase_if(to.labels, [&](const auto& label) {
    const auto found = other.labels.find(label.first);
    return found == other.labels.end() || found->second != label.second;
  });
  merge_memory(to.memory, other.memory);
}

}  // namespace

struct Merger::Sum {
  TracebackBuilder builder;
  DomainBuilder domains;
  RowBuilder rows;
  Snapshot snapshot;  // its tables are the builders'
  std::array<Amount, kMetrics.size()> totals;
  bool empty = true;

  void add_row(std::uint32_t row, const Rows& from, std::size_t from_row) {
    for (const Metric metric : kMetrics) {
      auto& column = snapshot.rows[metric];
      if (!column) continue;
      if (row >= column->size.size()) extend(*column, rows.size(), column->is_estimate());
      Amount& total = totals[static_cast<std::size_t>(metric)];
      total.size = checked_add(total.size, from[metric]->size[from_row]);
      total.count = checked_add(total.count, from[metric]->count[from_row]);
      memtrace::add_row(*column, row, *from[metric], from_row);
    }
  }
};

Merger::Merger() : sum_(std::make_unique<Sum>()) {}

Merger::~Merger() = default;

void Merger::add(const Snapshot& snapshot) {
  Sum& sum = *sum_;
  for (const Metric metric : kMetrics) {
    auto& column = sum.snapshot.rows[metric];
    if (sum.empty && snapshot.rows[metric]) column.emplace();
    if (!snapshot.rows[metric]) column.reset();
  }
  if (sum.empty) {
    sum.snapshot.metadata = snapshot.metadata;
  } else {
    merge_metadata(sum.snapshot.metadata, snapshot.metadata);
  }
  sum.empty = false;

  const auto node_of = sum.builder.absorb(snapshot.tracebacks);
  IdVector<DomainId, DomainId> domain_of;
  for (const Domain& domain : snapshot.domains) domain_of.push_back(sum.domains.domain(domain));
  for (std::size_t row = 0; row < snapshot.rows.size(); ++row) {
    const NodeId node = node_of[snapshot.rows.node[row]];
    sum.add_row(sum.rows.row(node, domain_of[snapshot.rows.domain[row]]), snapshot.rows, row);
  }
}

Snapshot Merger::finish() {
  if (sum_->empty) throw Error("there is no snapshot to merge");
  Snapshot snapshot = std::move(sum_->snapshot);
  snapshot.tracebacks = sum_->builder.take();
  snapshot.domains = sum_->domains.take();
  sum_->rows.move_to(snapshot.rows);
  sum_ = std::make_unique<Sum>();
  return snapshot;
}

}  // namespace memtrace
