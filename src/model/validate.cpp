#include "mtrace/snapshot.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "base/checked_math.hpp"
#include "model/memory_amounts.hpp"

namespace memtrace {
namespace {

// Ids that may be kNone are checked with this.
template <class Table, class Id>
bool known_or_none(const Table& table, Id id) {
  return id == kNone<Id> || table.contains(id);
}

void check_frames(const Tracebacks& tables) {
  for (const Module& module : tables.modules) {
    if (!known_or_none(tables.strings, module.name)) throw Error("a module without its name");
  }
  for (const Frame& frame : tables.frames) {
    if (!known_or_none(tables.strings, frame.filename) ||
        !known_or_none(tables.strings, frame.function) ||
        !known_or_none(tables.modules, frame.module)) {
      throw Error("a frame that names an unknown string or module");
    }
  }
}

void check_nodes(const Tracebacks& tables) {
  if (tables.nodes.empty()) throw Error("a traceback tree without a root");
  for (const NodeId node : ids_of(tables.nodes)) {
    if (node == kRoot) continue;
    if (tables.nodes[node].parent >= node) throw Error("a traceback that is its own caller");
    if (!tables.frames.contains(tables.nodes[node].frame)) throw Error("an unknown frame");
  }
}

void check_column(const Column& column, std::size_t rows) {
  if (column.size.size() != rows || column.count.size() != rows) {
    throw Error("columns of different length");
  }
  for (const auto* const variances : {&column.size_variance, &column.count_variance}) {
    if (variances->size() != (column.is_estimate() ? rows : 0)) {
      throw Error("columns of different length");
    }
    for (const double variance : *variances) {
      if (!std::isfinite(variance) || variance < 0) throw Error("a variance that is none");
    }
  }
  Amount sum;
  for (std::size_t i = 0; i < rows; ++i) {
    if (column.size[i] < 0 || column.count[i] < 0) throw Error("a negative size or count");
    sum.size = checked_add(sum.size, column.size[i]);
    sum.count = checked_add(sum.count, column.count[i]);
  }
}

void check_rows(const Snapshot& snapshot) {
  const Rows& rows = snapshot.rows;
  if (rows.domain.size() != rows.size()) throw Error("columns of different length");
  for (const NodeId node : rows.node) {
    if (node == kRoot || !snapshot.tracebacks.nodes.contains(node)) {
      throw Error("a row of an unknown traceback");
    }
  }
  for (const DomainId domain : rows.domain) {
    if (!snapshot.domains.contains(domain)) throw Error("a row of an unknown domain");
  }
  for (const auto& column : rows.columns) {
    if (column) check_column(*column, rows.size());
  }
}

void check_metadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata.labels) {
    if (name.empty()) throw Error("a label without a name");
  }
  for (const auto& [name, amount] : kMemoryAmounts) {
    const auto& bytes = metadata.memory.*amount;
    if (bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
      throw Error("a size of 2^63 or more");
    }
  }
}

void check_memory_timeline(const std::vector<MemoryPoint>& points) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  for (const MemoryPoint& point : points) {
    if (point.time < last) throw Error("a timeline out of order");
    if (point.resident > kMost || point.held > kMost) throw Error("a size of 2^63 or more");
    last = point.time;
  }
}

}  // namespace

std::string_view name_of(Metric metric) {
  switch (metric) {
    case Metric::live:
      return "live";
    case Metric::peak:
      return "peak";
    case Metric::total:
      return "total";
  }
  return "";
}

std::string_view name_of(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::mtrace:
      return "mtrace";
    case SnapshotKind::tracemalloc:
      return "tracemalloc";
    case SnapshotKind::pprof:
      return "pprof";
    case SnapshotKind::heaptrack:
      return "heaptrack";
    case SnapshotKind::jemalloc:
      return "jemalloc";
    case SnapshotKind::gperftools:
      return "gperftools";
    case SnapshotKind::dhat:
      return "dhat";
    case SnapshotKind::massif:
      return "massif";
    case SnapshotKind::memray:
      return "memray";
  }
  return "";
}

void validate(const Snapshot& snapshot) {
  check_frames(snapshot.tracebacks);
  check_nodes(snapshot.tracebacks);
  check_rows(snapshot);
  check_metadata(snapshot.metadata);
  check_memory_timeline(snapshot.memory_timeline);
}

Amount total_of(const Column& column) {
  Amount total;
  for (const std::int64_t size : column.size) total.size += size;
  for (const std::int64_t count : column.count) total.count += count;
  return total;
}

}  // namespace memtrace
