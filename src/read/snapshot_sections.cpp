#include "read/snapshot_sections.hpp"

#include <fmt/format.h>

#include "model/canonical.hpp"
#include "read/batches.hpp"

namespace memtrace {
namespace {

using wire::Section;

// An id that must be below `size`.
template <class Id>
Id checked_id(ByteCursor& cursor, std::size_t size, const char* what) {
  const std::uint64_t value = cursor.varint();
  if (value >= size) cursor.fail(fmt::format("{} {} of {}", what, value, size));
  return Id{static_cast<std::uint32_t>(value)};
}

// The same, coded as id + 1 where 0 is "none".
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

}  // namespace

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
  if (section == Section::timeline) return !metric_;
  return true;
}

void SnapshotSections::decode(Section section, std::span<const std::uint8_t> payload,
                              std::uint32_t items) {
  ByteCursor cursor(payload);
  if (const auto which = column_of(section)) {
    if (which->is_variance) {
      variances(*which, cursor, items);
    } else {
      column(*which, cursor, items);
    }
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
      timeline(cursor, items);
      break;
    default:
      break;
  }
  if (!cursor.at_end()) cursor.fail("something follows its last item");
}

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
