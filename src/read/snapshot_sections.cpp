#include "read/snapshot_sections.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/canonical.hpp"

namespace memtrace {

namespace {

using wire::Section;

constexpr std::size_t kBatch = 1024;

// Decodes `count` numbers and hands them on in batches that stay in the cache.
template <class Use>
void for_batches(ByteCursor& cursor, std::uint64_t count, const Use& use) {
  std::array<std::uint64_t, kBatch> buffer;
  while (count > 0) {
    const auto batch = std::span(buffer).first(std::min<std::uint64_t>(count, buffer.size()));
    cursor.varints(batch);
    use(std::span<const std::uint64_t>(batch));
    count -= batch.size();
  }
}

// Makes the vector longer and gives the new part. Filling a batch by index is several times faster
// than pushing its items.
template <class T>
std::span<T> append(std::vector<T>& items, std::size_t count) {
  items.resize(items.size() + count);
  return std::span(items).last(count);
}

// Asks for large pages where the buffer covers whole ones. Only a hint: nothing depends on it.
void advise_large_pages(const void* begin, std::size_t size) {
  constexpr std::uintptr_t kLargePage = std::uintptr_t{2} << 20;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t to_first = (kLargePage - address % kLargePage) % kLargePage;
  if (size < to_first + kLargePage) return;
  const auto* const first = static_cast<const std::byte*>(begin) + to_first;
  madvise(const_cast<std::byte*>(first), (size - to_first) / kLargePage * kLargePage,
          MADV_HUGEPAGE);
}

// Reserves in large pages: a column of millions of rows is touched for the first time while it is
// decoded, and small pages would cost more than the decoding.
template <class Vector>
void reserve(Vector& items, std::size_t size) {
  items.reserve(size);
  advise_large_pages(std::to_address(items.begin()), size * sizeof(*items.begin()));
}

// Room for what the header declares, but never for more than 64 items a byte of real content, nor
// for more than half a gigabyte of the largest items: the rest, if it comes, makes its own.
std::size_t room(std::uint64_t declared, std::size_t payload_size) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 24;
  return std::min({declared, std::uint64_t{64} * payload_size, kMost});
}

// An id below `size`, coded as id + 1 where 0 is "none".
template <class Id>
Id checked_id_or_none(ByteCursor& cursor, std::size_t size, const char* what) {
  const std::uint64_t value = cursor.varint();
  if (value > size) cursor.fail(fmt::format("{} {} of {}", what, value - 1, size));
  return value == 0 ? kNone<Id> : Id{static_cast<std::uint32_t>(value - 1)};
}

std::uint32_t checked_u32(ByteCursor& cursor) {
  const std::uint64_t value = cursor.varint();
  if (value > std::numeric_limits<std::uint32_t>::max()) cursor.fail("a number of over 32 bits");
  return static_cast<std::uint32_t>(value);
}

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

// A moment that is `step` after the one before, and not before the last one of all.
std::int64_t next_time(const ByteCursor& cursor, std::uint64_t step, std::int64_t before,
                       std::int64_t last) {
  if (step > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() - before)) {
    cursor.fail("a time past the year 2262");
  }
  const std::int64_t time = before + static_cast<std::int64_t>(step);
  if (time < last) cursor.fail("a timeline out of order");
  return time;
}

template <class Point>
void check_timeline_room(const ByteCursor& cursor, std::uint32_t items,
                         const std::vector<Point>& points) {
  if (items > wire::kMaxTimelinePoints - points.size()) {
    cursor.fail("a timeline of more than 1048576 points");
  }
}

// Coded as bytes + 1, where 0 is "unknown".
std::optional<std::uint64_t> bytes_or_none(ByteCursor& cursor) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t value = cursor.varint();
  if (value > kMost + 1) cursor.fail("a size of 2^63 or more");
  return value == 0 ? std::nullopt : std::optional(value - 1);
}

}  // namespace

void decode_timeline(ByteCursor& cursor, std::uint32_t items, std::vector<TimelinePoint>& points) {
  check_timeline_room(cursor, items, points);
  TimelinePoint before;
  std::int64_t last = points.empty() ? 0 : points.back().time;
  for (std::uint32_t i = 0; i < items; ++i) {
    TimelinePoint point;
    point.time = next_time(cursor, cursor.varint(), before.time, last);
    point.current = before.current + static_cast<std::uint64_t>(unzigzag(cursor.varint()));
    last = point.time;
    before = points.emplace_back(point);
  }
}

void decode_memory_timeline(ByteCursor& cursor, std::uint32_t items,
                            std::vector<MemoryPoint>& points) {
  check_timeline_room(cursor, items, points);
  std::int64_t before = 0;
  std::int64_t last = points.empty() ? 0 : points.back().time;
  for (std::uint32_t i = 0; i < items; ++i) {
    MemoryPoint point;
    point.time = next_time(cursor, cursor.varint(), before, last);
    point.resident = bytes_or_none(cursor);
    point.held = bytes_or_none(cursor);
    before = last = points.emplace_back(point).time;
  }
}

SnapshotSections::SnapshotSections(SnapshotHeader header, const ReadOptions& options)
    : header_(std::move(header)), metric_(options.metric), fold_(!options.domains) {
  for (const Metric metric : kMetrics) {
    const bool recorded = header_.totals[static_cast<std::size_t>(metric)].has_value();
    if (recorded && (!metric_ || metric == *metric_)) snapshot_.rows[metric].emplace();
    if (!recorded && metric_ && metric == *metric_) {
      throw Error(fmt::format("it has no {} metric", name_of(metric)));
    }
  }
}

bool SnapshotSections::wants(Section section) const {
  if (section == Section::domains || section == Section::row_domains) return !fold_;
  if (const auto column = column_of(section)) return !metric_ || column->metric == *metric_;
  if (section == Section::timeline || section == Section::memory_timeline) return !metric_;
  return true;
}

void SnapshotSections::decode(Section section, std::span<const std::uint8_t> payload,
                              std::uint32_t items) {
  ByteCursor cursor(payload);
  if (const auto which = column_of(section)) {
    which->is_variance ? variances(*which, cursor, items) : column(*which, cursor, items);
  }
  switch (section) {
    case Section::strings:
      strings(cursor, items);
      break;
    case Section::modules:
      modules(cursor, items);
      break;
    case Section::frames:
      frames(cursor, items);
      break;
    case Section::nodes:
      nodes(cursor, items);
      break;
    case Section::domains:
      domains(cursor, items);
      break;
    case Section::row_nodes:
      row_nodes(cursor, items);
      break;
    case Section::row_domains:
      row_domains(cursor, items);
      break;
    case Section::timeline:
      decode_timeline(cursor, items, snapshot_.timeline);
      break;
    case Section::memory_timeline:
      decode_memory_timeline(cursor, items, snapshot_.memory_timeline);
      break;
    default:
      break;
  }
  if (!cursor.at_end()) cursor.fail("something follows its last item");
}

// --- tables ---

void SnapshotSections::strings(ByteCursor& cursor, std::uint32_t items) {
  StringTable& strings = snapshot_.tracebacks.strings;
  for (std::uint32_t i = 0; i < items; ++i) {
    const std::string_view text = cursor.bytes(cursor.varint());
    const std::size_t size = strings.size();
    if (size > 0 && strings[StringId{static_cast<std::uint32_t>(size - 1)}] >= text) {
      cursor.fail("strings out of order");
    }
    strings.add(text);
  }
}

void SnapshotSections::modules(ByteCursor& cursor, std::uint32_t items) {
  Tracebacks& tables = snapshot_.tracebacks;
  for (std::uint32_t i = 0; i < items; ++i) {
    Module module;
    module.name = checked_id_or_none<StringId>(cursor, tables.strings.size(), "string");
    module.build_id = cursor.bytes(cursor.varint());
    if (!tables.modules.empty()) {
      const ModuleId last{static_cast<std::uint32_t>(tables.modules.size() - 1)};
      if (canonical_key(tables.modules[last]) >= canonical_key(module)) {
        cursor.fail("modules out of order");
      }
    }
    tables.modules.push_back(std::move(module));
  }
}

void SnapshotSections::frames(ByteCursor& cursor, std::uint32_t items) {
  Tracebacks& tables = snapshot_.tracebacks;
  if (tables.frames.empty()) {
    reserve(tables.frames, room(header_.counts.frames, cursor.remaining()));
  }
  for (std::uint32_t i = 0; i < items; ++i) {
    Frame frame;
    const std::uint64_t kind = cursor.varint();
    if (kind > static_cast<std::uint64_t>(FrameKind::exact_address)) {
      cursor.fail(fmt::format("a frame of unknown kind {}", kind));
    }
    frame.kind = static_cast<FrameKind>(kind);
    frame.module = checked_id_or_none<ModuleId>(cursor, tables.modules.size(), "module");
    if (frame.is_address()) {
      frame.offset = cursor.varint();
    } else {
      frame.filename = checked_id_or_none<StringId>(cursor, tables.strings.size(), "string");
      frame.lineno = checked_u32(cursor);
      frame.function = checked_id_or_none<StringId>(cursor, tables.strings.size(), "string");
    }
    if (!tables.frames.empty()) {
      const FrameId last{static_cast<std::uint32_t>(tables.frames.size() - 1)};
      if (canonical_key(tables.frames[last]) >= canonical_key(frame)) {
        cursor.fail("frames out of order");
      }
    }
    tables.frames.push_back(frame);
  }
}

void SnapshotSections::nodes(ByteCursor& cursor, std::uint32_t items) {
  auto& nodes = snapshot_.tracebacks.nodes;
  if (nodes.size() == 1) reserve(nodes, room(header_.counts.nodes, cursor.remaining()));
  if (items > index_of(kNone<NodeId>) - nodes.size()) {
    cursor.fail("more nodes than 32 bits can number");
  }
  for_batches(cursor, 2 * std::uint64_t{items}, [&](std::span<const std::uint64_t> numbers) {
    for (std::size_t i = 0; i < numbers.size(); i += 2)
      add_node(cursor, numbers[i], numbers[i + 1]);
  });
}

void SnapshotSections::add_node(const ByteCursor& cursor, std::uint64_t up, std::uint64_t frame) {
  auto& nodes = snapshot_.tracebacks.nodes;
  if (up > last_depth_) cursor.fail("a traceback above the root");
  if (frame >= snapshot_.tracebacks.frames.size()) cursor.fail("an unknown frame");
  NodeId elder = kNone<NodeId>;  // the sibling before, whose subtree is left
  NodeId parent = last_node_;
  for (std::uint64_t step = 0; step < up; ++step) {
    elder = parent;
    parent = nodes[parent].parent;
  }
  last_depth_ += 1 - static_cast<std::uint32_t>(up);
  if (last_depth_ > wire::kMaxDepth) cursor.fail("a traceback of more than 1048576 frames");
  const FrameId id{static_cast<std::uint32_t>(frame)};
  if (elder != kNone<NodeId> && nodes[elder].frame >= id) cursor.fail("nodes out of order");
  last_node_ = nodes.push_back({parent, id});
}

void SnapshotSections::domains(ByteCursor& cursor, std::uint32_t items) {
  for (std::uint32_t i = 0; i < items; ++i) {
    Domain domain;
    domain.number = checked_u32(cursor);
    domain.name = cursor.bytes(cursor.varint());
    auto& domains = snapshot_.domains;
    if (!domains.empty() &&
        domains[DomainId{static_cast<std::uint32_t>(domains.size() - 1)}].number >= domain.number) {
      cursor.fail("domains out of order");
    }
    domains.push_back(std::move(domain));
  }
}

// --- rows ---

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

std::optional<SnapshotSections::WhichColumn> SnapshotSections::column_of(Section section) {
  for (const auto first : {Section::live_size, Section::live_size_variance}) {
    const std::size_t index = static_cast<std::size_t>(section) - static_cast<std::size_t>(first);
    if (section < first || index >= 2 * kMetrics.size()) continue;
    return WhichColumn{.metric = kMetrics[index / 2],
                       .is_size = index % 2 == 0,
                       .is_variance = first == Section::live_size_variance};
  }
  return std::nullopt;
}

void SnapshotSections::column(const WhichColumn& which, ByteCursor& cursor, std::uint32_t items) {
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

void SnapshotSections::variances(const WhichColumn& which, ByteCursor& cursor,
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

// --- the whole ---

void SnapshotSections::check_counts() const {
  const SnapshotInfo::Counts& counts = header_.counts;
  const auto check = [](const char* what, std::uint64_t declared, std::uint64_t found) {
    if (declared == found) return;
    throw Error(
        fmt::format("its metadata says {} {}, its sections have {}", declared, what, found));
  };
  check("strings", counts.strings, snapshot_.tracebacks.strings.size());
  check("modules", counts.modules, snapshot_.tracebacks.modules.size());
  check("frames", counts.frames, snapshot_.tracebacks.frames.size());
  check("nodes", counts.nodes, snapshot_.tracebacks.nodes.size() - 1);
  check("rows", counts.rows, row_count_);
  if (fold_) return;
  check("domains", counts.domains, snapshot_.domains.size());
  check("row domains", counts.rows, snapshot_.rows.domain.size());
}

Snapshot SnapshotSections::finish() {
  check_counts();
  for (const Metric metric : kMetrics) {
    if (!snapshot_.rows[metric]) continue;
    const auto index = static_cast<std::size_t>(metric);
    if (values_[2 * index] != row_count_ || values_[2 * index + 1] != row_count_ ||
        *header_.totals[index] != Amount()) {
      throw Error(fmt::format("its {} columns are not what its metadata says", name_of(metric)));
    }
    const std::uint64_t variances = variances_[2 * index];
    if (variances != variances_[2 * index + 1] || (variances != 0 && variances != row_count_)) {
      throw Error(fmt::format("its {} metric has not a variance for each row", name_of(metric)));
    }
  }
  if (fold_) fold_domains();
  snapshot_.metadata = std::move(header_.metadata);
  return std::move(snapshot_);
}

}  // namespace memtrace
