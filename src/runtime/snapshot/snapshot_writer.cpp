#include "runtime/snapshot/snapshot_writer.hpp"

#include <bit>
#include <cerrno>

#include "runtime/os/floating_point.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/snapshot/canonical_tables.hpp"
#include "runtime/snapshot/section_buffer.hpp"
#include "runtime/snapshot/whole_file.hpp"

namespace memtrace::runtime {
namespace {

using wire::Key;
using wire::Section;

constexpr Key offset_key(Key key, std::size_t by) {
  return static_cast<Key>(static_cast<std::uint32_t>(key) + by);
}

constexpr Section offset_section(Section section, std::size_t by) {
  return static_cast<Section>(static_cast<std::uint32_t>(section) + by);
}

// None is written as 0, so that the common values are small.
constexpr std::uint64_t id_or_none(std::uint32_t id, std::uint32_t none) {
  return id == none ? 0 : std::uint64_t{id} + 1;
}

constexpr std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}

// What the tracer itself calls its domains; others have a number only.
constexpr std::string_view name_of_domain(std::uint32_t number) {
  switch (number) {
    case kPythonDomain:
      return "python";
    case kNativeDomain:
      return "native";
    case kMmapDomain:
      return "mmap";
    default:
      return {};
  }
}

class SnapshotWriter {
 public:
  SnapshotWriter(const SnapshotData& data, const CanonicalTables& tables, SectionBuffer& out)
      : data_(data), tables_(tables), out_(out) {}

  void run() {
    write_metadata();
    write_strings();
    write_modules();
    write_frames();
    write_nodes();
    write_domains();
    write_rows();
    write_timeline();
    if (data_.sampling_rate != 0) write_variances();
    out_.begin(Section::end);
    out_.finish(true);
  }

 private:
  void text(Key key, std::string_view value) {
    out_.varint(static_cast<std::uint64_t>(key));
    out_.varint(value.size());
    out_.bytes(value);
    out_.end_item();
  }

  void number(Key key, std::uint64_t value) {
    std::uint64_t size = 1;
    for (std::uint64_t rest = value; rest >= 0x80; rest >>= 7) ++size;
    out_.varint(static_cast<std::uint64_t>(key));
    out_.varint(size);
    out_.varint(value);
    out_.end_item();
  }

  void write_metadata() {
    out_.begin(Section::metadata);
    write_process();
    write_measures();
    write_counts();
    out_.finish();
  }

  void write_process() {
    const ProcessIdentity& process = process_identity();
    number(Key::kind, 0);
    if (!process.program.empty()) text(Key::program, process.program);
    const char* begin = process.arguments.data();
    for (const char& character : process.arguments) {
      if (character != '\0') continue;
      text(Key::command_argument, {begin, static_cast<std::size_t>(&character - begin)});
      begin = &character + 1;
    }
    number(Key::pid, static_cast<std::uint64_t>(process_id()));
    if (!process.host.empty()) text(Key::host, process.host);
  }

  void write_measures() {
    number(Key::started, data_.started);
    number(Key::created, static_cast<std::uint64_t>(data_.created));
    number(Key::traceback_limit, data_.traceback_limit);
    number(Key::current, data_.current);
    number(Key::peak, data_.peak);
    number(Key::tracer_memory, data_.tracer_memory);
    if (data_.sampling_rate != 0) number(Key::sampling_rate, data_.sampling_rate);
    number(Key::truncated_tracebacks, data_.truncated_tracebacks);
    number(Key::dropped_blocks, data_.dropped_blocks);
    number(Key::unknown_frees, data_.unknown_frees);
    if (data_.missing_threads != 0) number(Key::missing_threads, data_.missing_threads);
  }

  void write_counts() {
    number(Key::strings, tables_.strings().size());
    number(Key::modules, tables_.modules().size());
    number(Key::frames, tables_.frames().size());
    number(Key::nodes, tables_.nodes().size());
    number(Key::domains, tables_.domains().size());
    number(Key::rows, tables_.rows().size());
    std::array<std::uint64_t, kColumns> sums{};
    for (const CanonicalRow& row : tables_.rows()) {
      for (std::size_t column = 0; column < kColumns; ++column) sums[column] += row.values[column];
    }
    for (std::size_t column = 0; column < kColumns; ++column) {
      number(offset_key(Key::live_size, column), sums[column]);
    }
  }

  void write_strings() {
    out_.begin(Section::strings);
    for (const std::string_view string : tables_.strings()) {
      out_.varint(string.size());
      out_.bytes(string);
      out_.end_item();
    }
    out_.finish();
  }

  void write_modules() {
    out_.begin(Section::modules);
    for (const CanonicalModule& module : tables_.modules()) {
      const std::string_view build_id = build_id_of(module);
      out_.varint(id_or_none(module.name_id, kNoName));
      out_.varint(build_id.size());
      out_.bytes(build_id);
      out_.end_item();
    }
    out_.finish();
  }

  void write_frames() {
    out_.begin(Section::frames);
    for (const CanonicalFrame& frame : tables_.frames()) {
      out_.varint(static_cast<std::uint64_t>(frame.kind));
      out_.varint(frame.module < tables_.modules().size() ? std::uint64_t{frame.module} + 1 : 0);
      if (frame.kind == CanonicalFrame::Kind::source) {
        out_.varint(id_or_none(frame.file, kNoName));
        out_.varint(frame.line);
        out_.varint(id_or_none(frame.function, kNoName));
      } else {
        out_.varint(frame.offset);
      }
      out_.end_item();
    }
    out_.finish();
  }

  void write_nodes() {
    out_.begin(Section::nodes);
    for (const CanonicalNode& node : tables_.nodes()) {
      out_.varint(node.up);
      out_.varint(node.frame);
      out_.end_item();
    }
    out_.finish();
  }

  void write_domains() {
    out_.begin(Section::domains);
    for (const std::uint32_t domain : tables_.domains()) {
      const std::string_view name = name_of_domain(domain);
      out_.varint(domain);
      out_.varint(name.size());
      out_.bytes(name);
      out_.end_item();
    }
    out_.finish();
  }

  void write_rows() {
    out_.begin(Section::row_nodes);
    std::uint64_t before = 0;
    for (const CanonicalRow& row : tables_.rows()) {
      out_.varint(row.node - before);
      before = out_.end_item() ? 0 : row.node;
    }
    out_.finish();
    write_column(Section::row_domains, [](const CanonicalRow& row) { return row.domain; });
    for (std::size_t column = 0; column < kColumns; ++column) {
      write_column(offset_section(Section::live_size, column),
                   [column](const CanonicalRow& row) { return row.values[column]; });
    }
  }

  template <class ValueOf>
  void write_column(Section section, const ValueOf& value_of) {
    out_.begin(section);
    for (const CanonicalRow& row : tables_.rows()) {
      out_.varint(value_of(row));
      out_.end_item();
    }
    out_.finish();
  }

  void write_timeline() {
    out_.begin(Section::timeline);
    TimelinePoint before;
    for (const TimelinePoint& point : data_.timeline) {
      out_.varint(static_cast<std::uint64_t>(point.time - before.time));
      out_.varint(zigzag(point.traced - before.traced));
      before = out_.end_item() ? TimelinePoint() : point;
    }
    out_.finish();
  }

  // Of estimates, for every column.
  void write_variances() {
    for (std::size_t column = 0; column < kColumns; ++column) {
      out_.begin(offset_section(Section::live_size_variance, column));
      for (const CanonicalRow& row : tables_.rows()) {
        const auto bits = std::bit_cast<std::array<char, sizeof(double)>>(row.variances[column]);
        out_.bytes({bits.data(), bits.size()});
        out_.end_item();
      }
      out_.finish();
    }
  }

  const SnapshotData& data_;
  const CanonicalTables& tables_;
  SectionBuffer& out_;
};

}  // namespace

int write_snapshot_content(const SnapshotData& data, int file) {
  const OwnFloatingPoint own;
  CanonicalTables tables(data);
  SectionBuffer out(file);
  if (!tables.build() || !out.prepare()) return ENOMEM;
  SnapshotWriter(data, tables, out).run();
  return out.error();
}

bool write_snapshot(const SnapshotData& data, const char* path, int* error) {
  WholeFile file;
  int number = 0;
  if (!file.create(path)) {
    number = file.error();
  } else {
    number = write_snapshot_content(data, file.descriptor());
    if (number == 0 && !(file.sync() && file.publish(path))) number = file.error();
  }
  if (error != nullptr) *error = number;
  return number == 0;
}

}  // namespace memtrace::runtime
