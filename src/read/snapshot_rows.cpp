// The sections of rows and of the timeline.
#include <algorithm>
#include <bit>
#include <cmath>

#include "read/batches.hpp"
#include "read/snapshot_sections.hpp"

namespace memtrace {
namespace {

using wire::Section;

// The sum of a batch, which may be `most` at the most.
std::int64_t checked_sum(const ByteCursor& cursor, std::span<const std::uint64_t> batch,
                         std::int64_t most) {
  // Values that all have fewer than 53 bits cannot overflow in a batch; larger ones are rare.
  std::uint64_t all_bits = 0, sum = 0;
  for (const std::uint64_t value : batch) {
    all_bits |= value;
    sum += value;
  }
  bool overflows = false;
  if (all_bits >> 53 != 0) {
    sum = 0;
    for (const std::uint64_t value : batch) {
      overflows = overflows || __builtin_add_overflow(sum, value, &sum);
    }
  }
  if (overflows || sum > static_cast<std::uint64_t>(most)) {
    cursor.fail("its values add up to more than the metadata says");
  }
  return static_cast<std::int64_t>(sum);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
}

}  // namespace

void SnapshotSections::row_nodes(ByteCursor& cursor, std::uint32_t items) {
  const std::uint64_t nodes = snapshot_.tracebacks.nodes.size();
  std::vector<NodeId>& rows = snapshot_.rows.node;
  if (row_count_ == 0) {
    const std::size_t expected = room(header_.counts.rows, cursor.remaining());
    if (fold_) reserve(begins_node_, expected);
    reserve(rows, fold_ ? std::min<std::size_t>(expected, nodes) : expected);
  }
  std::uint64_t last = rows.empty() ? 0 : index_of(rows.back());
  std::uint64_t node = 0;
  for_batches(cursor, items, [&, fold = fold_](std::span<const std::uint64_t> differences) {
    const std::span<NodeId> added = append(rows, differences.size());
    const std::span<std::uint8_t> begins = append(begins_node_, fold_ ? differences.size() : 0);
    if (node == 0 && differences[0] < std::max<std::uint64_t>(last, 1)) {
      cursor.fail("rows out of order");  // the root has no rows
    }
    // Folded, a node has one row: what the columns need to know of the others is a byte each.
    std::size_t kept = 0;
    std::uint64_t at = node, before = last;
    bool unknown = false;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      unknown |= differences[i] >= nodes - at;
      at += differences[i];
      const bool begins_node = at != before;
      added[kept] = NodeId{static_cast<std::uint32_t>(at)};
      if (fold) begins[i] = begins_node;
      kept += begins_node || !fold;
      before = at;
    }
    if (unknown) cursor.fail("a row of an unknown node");
    node = last = at;
    rows.resize(rows.size() - differences.size() + kept);
  });
  row_count_ += items;
}

void SnapshotSections::row_domains(ByteCursor& cursor, std::uint32_t items) {
  const std::vector<NodeId>& nodes = snapshot_.rows.node;
  std::vector<DomainId>& rows = snapshot_.rows.domain;
  if (items > nodes.size() - rows.size()) cursor.fail("more domains than rows");
  if (rows.empty()) reserve(rows, nodes.size());
  const std::size_t domains = snapshot_.domains.size();
  for_batches(cursor, items, [&](std::span<const std::uint64_t> values) {
    const std::size_t first = rows.size();
    const std::span<DomainId> added = append(rows, values.size());
    std::uint64_t largest = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      largest = std::max(largest, values[i]);
      added[i] = DomainId{static_cast<std::uint32_t>(values[i])};
    }
    if (largest >= domains) cursor.fail("an unknown domain");
    bool repeated = false;
    for (std::size_t row = std::max<std::size_t>(first, 1); row < rows.size(); ++row) {
      repeated |= nodes[row - 1] == nodes[row] && rows[row - 1] >= rows[row];
    }
    if (repeated) cursor.fail("rows out of order");
  });
}

std::optional<ColumnOfSection> column_of(Section section) {
  for (const auto first : {Section::live_size, Section::live_size_variance}) {
    const std::size_t index = static_cast<std::size_t>(section) - static_cast<std::size_t>(first);
    if (section < first || index >= 2 * kMetrics.size()) continue;
    return ColumnOfSection{.metric = kMetrics[index / 2],
                           .is_size = index % 2 == 0,
                           .is_variance = first == Section::live_size_variance};
  }
  return std::nullopt;
}

void SnapshotSections::column(const ColumnOfSection& which, ByteCursor& cursor,
                              std::uint32_t items) {
  const auto [metric, is_size, is_variance] = which;
  const auto index = static_cast<std::size_t>(metric);
  auto& total = header_.totals[index];
  if (!total) cursor.fail("a column that the metadata does not announce");

  Column& column = *snapshot_.rows[metric];
  std::vector<std::int64_t>& values = is_size ? column.size : column.count;
  std::uint64_t& done = values_[2 * index + (is_size ? 0 : 1)];
  if (items > row_count_ - done) cursor.fail("more values than rows");
  // Folded, a batch has room for itself while it is added up.
  if (values.empty()) reserve(values, snapshot_.rows.size() + (fold_ ? kBatch : 0));
  // Counting down from the announced sum: what does not reach 0 in the end, or would go below, is
  // not the column that the metadata speaks of. So no sum over rows can overflow.
  std::int64_t& left = is_size ? total->size : total->count;
  for_batches(cursor, items, [&](std::span<const std::uint64_t> batch) {
    left -= checked_sum(cursor, batch, left);
    // A sum that fits 63 bits has no value that does not.
    const auto* const first = reinterpret_cast<const std::int64_t*>(batch.data());
    add_values(values, std::span(first, batch.size()), done);
    done += batch.size();
  });
}

void SnapshotSections::variances(const ColumnOfSection& which, ByteCursor& cursor,
                                 std::uint32_t items) {
  auto& column = snapshot_.rows[which.metric];
  if (!column) cursor.fail("variances of a column that the metadata does not announce");
  std::vector<double>& values = which.is_size ? column->size_variance : column->count_variance;
  std::uint64_t& done =
      variances_[2 * static_cast<std::size_t>(which.metric) + (which.is_size ? 0 : 1)];
  if (items > row_count_ - done) cursor.fail("more variances than rows");
  for (std::uint32_t i = 0; i < items; ++i, ++done) {
    const auto value = std::bit_cast<double>(cursor.little_endian<std::uint64_t>());
    if (!std::isfinite(value) || value < 0) cursor.fail("a variance that is none");
    add_values(values, std::span(&value, 1), done);
  }
}

// One value a row; when folding, one a node, which works because rows of one node are neighbours.
template <class Value>
void SnapshotSections::add_values(std::vector<Value>& values, std::span<const Value> batch,
                                  std::size_t first_row) const {
  const std::size_t before = values.size();
  const std::span<Value> added = append(values, batch.size());
  if (!fold_) {
    std::copy(batch.begin(), batch.end(), added.begin());
    return;
  }
  // The sum so far is kept in a register: adding to memory over and over waits for itself.
  std::size_t folded = before;
  Value sum = before == 0 ? 0 : values[before - 1];
  const std::span begins = std::span(begins_node_).subspan(first_row, batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    sum = begins[i] != 0 ? batch[i] : sum + batch[i];
    folded += begins[i];
    values[folded - 1] = sum;
  }
  values.resize(folded);
}

void SnapshotSections::fold_domains() {
  Rows& rows = snapshot_.rows;
  rows.domain.assign(rows.size(), DomainId{0});
  snapshot_.domains = {};
  snapshot_.domains.push_back({.number = 0, .name = ""});
}

void SnapshotSections::timeline(ByteCursor& cursor, std::uint32_t items) {
  if (items > wire::kMaxTimelinePoints - snapshot_.timeline.size()) {
    cursor.fail("a timeline of more than 1048576 points");
  }
  TimelinePoint before;
  std::int64_t last = snapshot_.timeline.empty() ? 0 : snapshot_.timeline.back().time;
  for (std::uint32_t i = 0; i < items; ++i) {
    const std::uint64_t step = cursor.varint();
    if (step > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() - before.time)) {
      cursor.fail("a time past the year 2262");
    }
    TimelinePoint point;
    point.time = before.time + static_cast<std::int64_t>(step);
    point.current = before.current + static_cast<std::uint64_t>(unzigzag(cursor.varint()));
    if (point.time < last) cursor.fail("a timeline out of order");
    last = point.time;
    before = snapshot_.timeline.emplace_back(point);
  }
}

}  // namespace memtrace
