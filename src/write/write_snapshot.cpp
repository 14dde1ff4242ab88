#include <bit>

#include "model/canonical.hpp"
#include "mtrace/write.hpp"
#include "wire/format.hpp"
#include "write/section_writer.hpp"

namespace memtrace {
namespace {

using wire::Key;
using wire::Section;

constexpr wire::Key offset_key(Key key, std::size_t by) {
  return static_cast<Key>(static_cast<std::uint32_t>(key) + by);
}

constexpr Section offset_section(Section section, std::size_t by) {
  return static_cast<Section>(static_cast<std::uint32_t>(section) + by);
}

// kNone is written as 0, so that the common values are small.
template <class Id>
std::uint64_t id_or_none(Id id) {
  return id == kNone<Id> ? 0 : std::uint64_t{index_of(id)} + 1;
}

std::uint64_t zigzag(std::uint64_t difference) {
  const auto value = static_cast<std::int64_t>(difference);
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}

class SnapshotWriter {
 public:
  SnapshotWriter(const Snapshot& snapshot, Output& output) : from_(snapshot), out_(output) {}

  void run() {
    write_metadata();
    write_strings();
    write_modules();
    write_frames();
    write_nodes();
    write_domains();
    write_rows();
    write_timeline();
    write_variances();
    out_.begin(Section::end);
    out_.finish(true);
  }

 private:
  void varint(std::uint64_t value) { append_varint(out_.payload(), value); }

  void text(Key key, std::string_view value) {
    varint(static_cast<std::uint64_t>(key));
    varint(value.size());
    out_.payload().append(value);
    out_.end_item();
  }

  void number(Key key, std::uint64_t value) {
    std::string bytes;
    append_varint(bytes, value);
    text(key, bytes);
  }

  template <class T>
  void optional_number(Key key, const std::optional<T>& value) {
    if (value) number(key, static_cast<std::uint64_t>(*value));
  }

  void write_metadata() {
    out_.begin(Section::metadata);
    write_process();
    write_counts();
    out_.finish();
  }

  void write_process() {
    const Metadata& metadata = from_.metadata;
    number(Key::kind, static_cast<std::uint64_t>(metadata.kind));
    if (!metadata.program.empty()) text(Key::program, metadata.program);
    for (const std::string& argument : metadata.command) text(Key::command_argument, argument);
    optional_number(Key::pid, metadata.pid);
    if (!metadata.host.empty()) text(Key::host, metadata.host);
    optional_number(Key::started, metadata.started);
    optional_number(Key::created, metadata.created);
    optional_number(Key::traceback_limit, metadata.traceback_limit);
    optional_number(Key::current, metadata.current);
    optional_number(Key::peak, metadata.peak);
    optional_number(Key::tracer_memory, metadata.tracer_memory);
    optional_number(Key::sampling_rate, metadata.sampling_rate);
    if (metadata.merged != 1) number(Key::merged, metadata.merged);
    number(Key::truncated_tracebacks, metadata.losses.truncated_tracebacks);
    number(Key::dropped_blocks, metadata.losses.dropped_blocks);
    number(Key::unknown_frees, metadata.losses.unknown_frees);
    if (metadata.losses.missing_threads != 0) {
      number(Key::missing_threads, metadata.losses.missing_threads);
    }
  }

  void write_counts() {
    number(Key::strings, from_.tracebacks.strings.size());
    number(Key::modules, from_.tracebacks.modules.size());
    number(Key::frames, from_.tracebacks.frames.size());
    number(Key::nodes, from_.tracebacks.nodes.size() - 1);
    number(Key::domains, from_.domains.size());
    number(Key::rows, from_.rows.size());
    for (const Metric metric : kMetrics) {
      if (!from_.rows[metric]) continue;
      const Amount total = total_of(*from_.rows[metric]);
      const std::size_t column = 2 * static_cast<std::size_t>(metric);
      number(offset_key(Key::live_size, column), static_cast<std::uint64_t>(total.size));
      number(offset_key(Key::live_count, column), static_cast<std::uint64_t>(total.count));
    }
  }

  void write_strings() {
    const StringTable& strings = from_.tracebacks.strings;
    out_.begin(Section::strings);
    for (std::uint32_t i = 0; i < strings.size(); ++i) {
      varint(strings[StringId{i}].size());
      out_.payload() += strings[StringId{i}];
      out_.end_item();
    }
    out_.finish();
  }

  void write_modules() {
    out_.begin(Section::modules);
    for (const Module& module : from_.tracebacks.modules) {
      varint(id_or_none(module.name));
      varint(module.build_id.size());
      out_.payload() += module.build_id;
      out_.end_item();
    }
    out_.finish();
  }

  void write_frames() {
    out_.begin(Section::frames);
    for (const Frame& frame : from_.tracebacks.frames) {
      varint(static_cast<std::uint64_t>(frame.kind));
      varint(id_or_none(frame.module));
      if (frame.is_address()) {
        varint(frame.offset);
      } else {
        varint(id_or_none(frame.filename));
        varint(frame.lineno);
        varint(id_or_none(frame.function));
      }
      out_.end_item();
    }
    out_.finish();
  }

  void write_nodes() {
    const auto& nodes = from_.tracebacks.nodes;
    out_.begin(Section::nodes);
    NodeId before = kRoot;
    for (const NodeId id : ids_of(nodes)) {
      if (id == kRoot) continue;
      std::uint64_t up = 0;
      for (; before != nodes[id].parent; before = nodes[before].parent) ++up;
      varint(up);
      varint(index_of(nodes[id].frame));
      out_.end_item();
      before = id;
    }
    out_.finish();
  }

  void write_domains() {
    out_.begin(Section::domains);
    for (const Domain& domain : from_.domains) {
      varint(domain.number);
      varint(domain.name.size());
      out_.payload() += domain.name;
      out_.end_item();
    }
    out_.finish();
  }

  void write_rows() {
    out_.begin(Section::row_nodes);
    std::uint64_t before = 0;
    for (const NodeId node : from_.rows.node) {
      varint(index_of(node) - before);
      before = out_.end_item() ? 0 : index_of(node);
    }
    out_.finish();
    write_column(Section::row_domains, from_.rows.domain);
    for (const Metric metric : kMetrics) {
      if (!from_.rows[metric]) continue;
      const std::size_t column = 2 * static_cast<std::size_t>(metric);
      write_column(offset_section(Section::live_size, column), from_.rows[metric]->size);
      write_column(offset_section(Section::live_count, column), from_.rows[metric]->count);
    }
  }

  template <class T>
  void write_column(Section section, const std::vector<T>& values) {
    out_.begin(section);
    for (const T value : values) {
      varint(static_cast<std::uint64_t>(value));
      out_.end_item();
    }
    out_.finish();
  }

  void write_variances() {
    for (const Metric metric : kMetrics) {
      if (!from_.rows[metric]) continue;
      const std::size_t column = 2 * static_cast<std::size_t>(metric);
      write_variance(offset_section(Section::live_size_variance, column),
                     from_.rows[metric]->size_variance);
      write_variance(offset_section(Section::live_count_variance, column),
                     from_.rows[metric]->count_variance);
    }
  }

  void write_variance(Section section, const std::vector<double>& variances) {
    out_.begin(section);
    for (const double variance : variances) {
      const auto bits = std::bit_cast<std::uint64_t>(variance);
      for (unsigned shift = 0; shift < 64; shift += 8) {
        out_.payload().push_back(static_cast<char>(bits >> shift & 0xFF));
      }
      out_.end_item();
    }
    out_.finish();
  }

  void write_timeline() {
    out_.begin(Section::timeline);
    TimelinePoint before;
    for (const TimelinePoint& point : from_.timeline) {
      varint(static_cast<std::uint64_t>(point.time - before.time));
      varint(zigzag(point.current - before.current));
      before = out_.end_item() ? TimelinePoint() : point;
    }
    out_.finish();
  }

  const Snapshot& from_;
  SectionWriter out_;
};

}  // namespace

void write_snapshot(const Snapshot& snapshot, const std::string& path) {
  Output output(path);
  SnapshotWriter(canonical(snapshot), output).run();
  output.commit();
}

void replace_snapshot(const Snapshot& snapshot, const std::string& path) {
  Output output(path);
  output.take_over_time_and_owner();
  SnapshotWriter(canonical(snapshot), output).run();
  output.commit();
}

}  // namespace memtrace
