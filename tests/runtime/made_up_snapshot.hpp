// Snapshots as the tracer would hand them to its writer, and what the analysis half should read.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "mtrace/snapshot.hpp"
#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::test {

using runtime::CodeLocation;
using runtime::kNoModule;
using runtime::ModuleRecord;
using runtime::NodeRecord;
using runtime::SnapshotData;
using runtime::SnapshotRow;

// Where the items of a table are, one behind the other, that the tracer would have in segments.
template <class T>
class InSegments {
 public:
  runtime::TableItems<T> of(const std::vector<T>& items) {
    for (std::size_t segment = 0; segment < pointers_.size(); ++segment) {
      const std::size_t first = runtime::Segments<T>::first_of(segment);
      pointers_[segment] = first < items.size() ? const_cast<T*>(&items[first]) : nullptr;
    }
    return {pointers_, static_cast<std::uint32_t>(items.size())};
  }

 private:
  typename runtime::Segments<T>::Pointers pointers_{};
};

// Holds what a SnapshotData points to.
struct MadeUp {
  std::vector<ModuleRecord> modules;
  std::vector<std::string_view> texts;  // of literals
  std::vector<CodeLocation> locations;
  std::vector<NodeRecord> nodes{{}};
  std::vector<SnapshotRow> rows;
  std::vector<runtime::TracedPoint> timeline;
  std::uint64_t sampling_rate = 0;
  std::uint64_t missing_threads = 0;
  runtime::SystemMemory system;
  runtime::AllocatorFigures allocator;
  std::vector<runtime::MemoryRecord> memory_timeline;
  std::int64_t work = -1;
  std::vector<runtime::Label> labels;
  mutable InSegments<ModuleRecord> module_segments;
  mutable InSegments<std::string_view> text_segments;
  mutable InSegments<CodeLocation> location_segments;
  mutable InSegments<NodeRecord> node_segments;

  [[nodiscard]] SnapshotData data() const {
    SnapshotData data;
    data.modules = module_segments.of(modules);
    data.texts = text_segments.of(texts);
    data.locations = location_segments.of(locations);
    data.nodes = node_segments.of(nodes);
    data.rows = rows;
    data.timeline = timeline;
    data.created = 1700000000500000000;
    data.started = 1700000000000000000;
    data.traceback_limit = 32;
    data.current = 12345;
    data.peak = 23456;
    data.tracer_memory = 1 << 20;
    data.truncated_tracebacks = 3;
    data.dropped_blocks = 2;
    data.unknown_frees = 1;
    data.sampling_rate = sampling_rate;
    data.missing_threads = missing_threads;
    data.system = system;
    data.allocator = allocator;
    data.memory_timeline = memory_timeline;
    data.work = work;
    data.labels = labels;
    return data;
  }

  std::uint32_t module(const char* path, std::string_view build_id = {}) {
    ModuleRecord record;
    record.path = path;
    std::copy(build_id.begin(), build_id.end(), record.build_id.begin());
    record.build_id_size = static_cast<std::uint8_t>(build_id.size());
    modules.push_back(record);
    return static_cast<std::uint32_t>(modules.size() - 1);
  }
  std::uint32_t text(std::string_view text) {
    texts.push_back(text);
    return static_cast<std::uint32_t>(texts.size() - 1);
  }
  std::uint32_t node(std::uint32_t parent, CodeLocation location) {
    locations.push_back(location);
    nodes.push_back({parent, static_cast<std::uint32_t>(locations.size() - 1)});
    return static_cast<std::uint32_t>(nodes.size() - 1);
  }
  void row(std::uint32_t node, std::uint32_t domain, std::int64_t size, std::int64_t count) {
    rows.push_back({node,
                    domain,
                    0,
                    0,
                    {size, count},
                    {2 * size, 2 * count},
                    {9 * size, 9 * count},
                    {0.5, 0},
                    {1.0 / 1024, 2.5},
                    {1e30, 3}});
  }
};

// --- the same content, put together naively ---

// Python's "surrogateescape" for names of this test, which end in at most one strange byte.
inline std::string as_text(const std::string& path) {
  if (path.empty() || path.back() != '\xFF') return path;
  return path.substr(0, path.size() - 1) + "\xED\xB3\xBF";
}

class Expected {
 public:
  explicit Expected(const SnapshotData& data) : data_(data) {}

  Snapshot snapshot() {
    for (const ModuleRecord& record : data_.modules) add_module(record);
    for (const SnapshotRow& row : data_.rows) add_row(row);
    add_measures();
    return result_;
  }

 private:
  StringId string(const std::string& text) {
    const auto [found, is_new] = strings_.try_emplace(text);
    if (is_new) found->second = result_.tracebacks.strings.add(text);
    return found->second;
  }

  void add_module(const ModuleRecord& record) {
    const StringId name = record.path == nullptr ? kNone<StringId> : string(as_text(record.path));
    const std::string build_id(record.build_id.begin(),
                               record.build_id.begin() + record.build_id_size);
    const auto [found, is_new] = modules_.try_emplace({name, build_id});
    if (is_new) found->second = result_.tracebacks.modules.push_back({name, build_id});
    module_ids_.push_back(found->second);
  }

  FrameId frame(const Frame& frame) {
    const auto [found, is_new] = frames_.try_emplace(
        {frame.kind, frame.filename, frame.lineno, frame.function, frame.module, frame.offset});
    if (is_new) found->second = result_.tracebacks.frames.push_back(frame);
    return found->second;
  }

  NodeId child(NodeId parent, FrameId frame) {
    const auto [found, is_new] = children_.try_emplace({parent, frame});
    if (is_new) found->second = result_.tracebacks.nodes.push_back({parent, frame});
    return found->second;
  }

  NodeId node(std::uint32_t index) {
    if (index == 0) return kRoot;
    const auto known = nodes_.find(index);
    if (known != nodes_.end()) return known->second;
    const CodeLocation& location = data_.locations[data_.nodes[index].location];
    Frame result;
    if (location.kind == CodeLocation::Kind::source) {
      const runtime::SourceLine source = location.source();
      result.filename = string(std::string(data_.texts[source.file]));
      result.lineno = source.line;
      if (source.function != runtime::kNoText) {
        result.function = string(std::string(data_.texts[source.function]));
      }
    } else {
      result.kind = location.is_exact() ? FrameKind::exact_address : FrameKind::return_address;
      result.offset = location.offset;
      if (location.module != kNoModule) result.module = module_ids_[location.module];
    }
    const NodeId made = child(node(data_.nodes[index].parent), frame(result));
    nodes_.emplace(index, made);
    return made;
  }

  NodeId unknown() {
    Frame result;
    result.filename = string("<unknown>");
    return child(kRoot, frame(result));
  }

  void add_row(const SnapshotRow& row) {
    const std::map<std::uint32_t, std::string> names = {{0, "python"}, {1, "native"}, {2, "mmap"}};
    const auto [domain, is_new] = domains_.try_emplace(row.domain);
    if (is_new) {
      const auto name = names.find(row.domain);
      domain->second =
          result_.domains.push_back({row.domain, name == names.end() ? "" : name->second});
    }
    result_.rows.node.push_back(row.node == 0 ? unknown() : node(row.node));
    result_.rows.domain.push_back(domain->second);
    const std::array counters = {row.live, row.peak, row.total};
    const std::array variances = {row.live_variance, row.peak_variance, row.total_variance};
    for (const Metric metric : kMetrics) {
      auto& column = result_.rows[metric] ? *result_.rows[metric] : result_.rows[metric].emplace();
      column.size.push_back(counters[static_cast<std::size_t>(metric)].size);
      column.count.push_back(counters[static_cast<std::size_t>(metric)].count);
      if (data_.sampling_rate == 0) continue;
      column.size_variance.push_back(variances[static_cast<std::size_t>(metric)].size);
      column.count_variance.push_back(variances[static_cast<std::size_t>(metric)].count);
    }
  }

  static std::optional<std::uint64_t> known(std::int64_t bytes) {
    if (bytes == runtime::kUnknownBytes) return std::nullopt;
    return static_cast<std::uint64_t>(bytes);
  }

  void add_measures() {
    Metadata& metadata = result_.metadata;
    metadata.created = data_.created;
    metadata.started = static_cast<std::int64_t>(data_.started);
    metadata.traceback_limit = data_.traceback_limit;
    metadata.current = data_.current;
    metadata.peak = data_.peak;
    metadata.tracer_memory = data_.tracer_memory;
    if (data_.sampling_rate != 0) metadata.sampling_rate = data_.sampling_rate;
    metadata.losses = {data_.truncated_tracebacks, data_.dropped_blocks, data_.unknown_frees,
                       data_.missing_threads};
    for (const auto& point : data_.timeline) {
      result_.timeline.push_back({point.time, static_cast<std::uint64_t>(point.traced)});
    }
    if (data_.work >= 0) metadata.work = static_cast<std::uint64_t>(data_.work);
    for (const auto& [name, value] : data_.labels) metadata.labels.emplace(name, value);
    const runtime::SystemMemory& system = data_.system;
    metadata.memory = {.resident = known(system.resident),
                       .anonymous = known(system.anonymous),
                       .file = known(system.file),
                       .shared = known(system.shared),
                       .huge_pages = known(system.huge_pages),
                       .resident_peak = known(system.resident_peak),
                       .swapped = known(system.swapped),
                       .cgroup_use = known(system.cgroup_use),
                       .cgroup_limit = known(system.cgroup_limit),
                       .held = known(data_.allocator.held),
                       .free = known(data_.allocator.free),
                       .allocator = {}};
    for (const auto& point : data_.memory_timeline) {
      result_.memory_timeline.push_back({point.time, known(point.resident), known(point.held)});
    }
    if (data_.rows.empty()) {
      for (const Metric metric : kMetrics) result_.rows[metric].emplace();
    }
  }

  const SnapshotData& data_;
  Snapshot result_;
  std::map<std::string, StringId> strings_;
  std::map<std::pair<StringId, std::string>, ModuleId> modules_;
  std::vector<ModuleId> module_ids_;
  std::map<std::tuple<FrameKind, StringId, std::uint32_t, StringId, ModuleId, std::uint64_t>,
           FrameId>
      frames_;
  std::map<std::pair<NodeId, FrameId>, NodeId> children_;
  std::map<std::uint32_t, NodeId> nodes_;
  std::map<std::uint32_t, DomainId> domains_;
};

}  // namespace memtrace::test
