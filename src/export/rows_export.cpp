// Rows for databases, as formats/rows.md describes them: stacks, once each, known by a hash of
// their content that is the same on every host, and amounts by snapshot, stack and domain. NDJSON
// has an object a row; CSV has all columns in one table, and lists and objects as JSON.
#include <fmt/format.h>
#include <xxhash.h>

#include <array>
#include <iterator>
#include <map>

#include "analysis/grouping.hpp"
#include "base/utf8.hpp"
#include "export/export_format.hpp"
#include "render/escape.hpp"
#include "render/json.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// A text that every database takes: what is no UTF-8, and a lone surrogate, is written as tables
// for people have it ("\udc80"). The view is of `text`, or of `changed`.
std::string_view valid_text(std::string_view text, std::string& changed) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto byte = static_cast<unsigned char>(rest.front());
    if (byte != 0 && byte < 0x80) {
      rest.remove_prefix(1);
      continue;
    }
    const CodePoint next = first_code_point(rest);
    if (next.value == 0 || is_surrogate(next.value)) return changed = escaped(text);
    rest.remove_prefix(next.size);
  }
  return text;
}

// Bytes to hash: numbers are little-endian, texts have their length first.
class HashedBytes {
 public:
  template <class T>
  void number(T value) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t byte = 0; byte < sizeof(T); ++byte) {
      bytes_ += static_cast<char>(bits >> (8 * byte) & 0xFF);
    }
  }
  void raw(std::string_view raw) {
    number(static_cast<std::uint32_t>(raw.size()));
    bytes_ += raw;
  }
  void text(const std::optional<std::string_view>& known) {
    if (known) return raw(valid_text(*known, changed_));
    number(std::numeric_limits<std::uint32_t>::max());
  }
  void hash(const XXH128_hash_t& hash) {
    number(hash.low64);
    number(hash.high64);
  }
  // Of what was added; begins anew.
  XXH128_hash_t take() {
    const XXH128_hash_t hash = XXH3_128bits(bytes_.data(), bytes_.size());
    bytes_.clear();
    return hash;
  }

 private:
  std::string bytes_, changed_;
};

std::string hex(const XXH128_hash_t& hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// A traceback's hash is made of its caller's and of its most recent frame.
IdVector<NodeId, XXH128_hash_t> hash_tracebacks(const Tracebacks& tables) {
  IdVector<NodeId, XXH128_hash_t> hashes(tables.nodes.size());
  HashedBytes bytes;
  for (const NodeId id : ids_of(tables.nodes)) {
    if (id == kRoot) continue;
    const Node& node = tables.nodes[id];
    const Frame& frame = tables.frames[node.frame];
    const FrameView view = view_of(tables, frame);
    bytes.hash(hashes[node.parent]);
    bytes.text(view.filename);
    bytes.number(frame.lineno);
    bytes.text(view.function);
    bytes.text(view.module);
    bytes.number(static_cast<std::uint8_t>(frame.kind));
    // An offset means something in one build only.
    if (frame.is_address()) {
      bytes.number(frame.offset);
      bytes.raw(frame.module == kNone<ModuleId> ? std::string_view()
                                                : tables.modules[frame.module].build_id);
    }
    hashes[id] = bytes.take();
  }
  return hashes;
}

class RowText : public Sink {
 public:
  void write(std::string_view text) override { text_ += text; }
  // Without the line end.
  std::string take() {
    if (text_.ends_with('\n')) text_.pop_back();
    return std::exchange(text_, {});
  }

 private:
  std::string text_;
};

// "2026-11-20T23:16:36.125000Z": what databases keep of a time.
std::string time_of(std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000, kMicrosecond = 1000;
  const std::int64_t rest = (nanoseconds % kSecond + kSecond) % kSecond;
  std::string text = rfc3339(nanoseconds);
  text.pop_back();
  return fmt::format("{}.{:06}Z", text, rest / kMicrosecond);
}

void write_text(JsonWriter& json, const char* key, const std::optional<std::string_view>& known) {
  std::string changed;
  json.key(key);
  json.value(known ? std::optional(valid_text(*known, changed)) : std::nullopt);
}

void write_labels(JsonWriter& json, const std::map<std::string, std::string>& labels) {
  std::string changed;
  json.begin_object();
  for (const auto& [name, text] : labels) {
    json.text_key(valid_text(name, changed));
    json.value(valid_text(text, changed));
  }
  json.end_object();
}

std::string json_of(const std::map<std::string, std::string>& labels) {
  RowText text;
  JsonWriter json(text);
  write_labels(json, labels);
  json.finish();
  return text.take();
}

void write_place(JsonWriter& json, const FrameView& frame) {
  write_text(json, "filename", frame.filename);
  json.member("lineno", frame.lineno);
  write_text(json, "function", frame.function);
  write_text(json, "module", frame.module);
}

void write_frame(JsonWriter& json, const FrameView& frame) {
  json.begin_object();
  write_place(json, frame);
  if (frame.offset) json.member("offset", *frame.offset);
  if (frame.inlined) json.member("inlined", true);
  json.end_object();
}

// What all amounts of a snapshot have in common.
struct SnapshotColumns {
  std::string id;
  std::optional<std::string> time, host, program;
  std::optional<std::uint64_t> pid, sampling_rate;
  const std::map<std::string, std::string>* labels = nullptr;
  std::string labels_text;  // the same as JSON
};

// Each row in turn, of either kind.
class RowFormat {
 public:
  virtual ~RowFormat() = default;
  virtual void stack(const std::string& hash, const std::vector<FrameView>& frames) = 0;
  virtual void amounts(const SnapshotColumns& snapshot, const std::string& hash,
                       const Domain& domain, const SelectedRow& row) = 0;
  virtual void finish() = 0;
};

class NdjsonRows : public RowFormat {
 public:
  NdjsonRows(const ExportInput& input, Sink& sink) : input_(input), json_(sink) {}

  void stack(const std::string& hash, const std::vector<FrameView>& frames) override {
    const FrameView& last = frames.back();
    begin("stack");
    json_.member("stack", hash);
    write_place(json_, last);
    json_.key("frames");
    json_.begin_array();
    for (const FrameView& frame : frames) write_frame(json_, frame);
    json_.end_array();
    end();
  }

  void amounts(const SnapshotColumns& snapshot, const std::string& hash, const Domain& domain,
               const SelectedRow& row) override {
    begin("amount");
    json_.member("snapshot", snapshot.id);
    json_.member("time", snapshot.time);
    write_text(json_, "host", snapshot.host);
    write_text(json_, "program", snapshot.program);
    json_.member("pid", snapshot.pid);
    json_.key("labels");
    write_labels(json_, *snapshot.labels);
    json_.member("sampling_rate", snapshot.sampling_rate);
    json_.member("stack", hash);
    json_.member("domain", domain.number);
    write_text(json_, "domain_name",
               domain.name.empty() ? std::nullopt : std::optional<std::string_view>(domain.name));
    for (const Metric metric : kMetrics) {
      const std::string name(name_of(metric));
      const bool is_known = input_.rows.has(metric);
      json_.member(name + "_size", is_known ? std::optional(row[metric].size) : std::nullopt);
      json_.member(name + "_count", is_known ? std::optional(row[metric].count) : std::nullopt);
    }
    end();
  }

  void finish() override {}

 private:
  void begin(const char* kind) {
    json_.begin_object();
    json_.member("kind", kind);
  }
  void end() {
    json_.end_object();
    json_.finish();
  }

  const ExportInput& input_;
  JsonWriter json_;
};

class CsvRows : public RowFormat {
 public:
  CsvRows(const ExportInput& input, Sink& sink)
      : input_(input), buffer_(sink), object_json_(object_text_) {
    buffer_.text() +=
        "kind,snapshot,time,host,program,pid,labels,sampling_rate,stack,domain,domain_name,"
        "live_size,live_count,peak_size,peak_count,total_size,total_count,"
        "filename,lineno,function,module,frames\r\n";
  }

  void stack(const std::string& hash, const std::vector<FrameView>& frames) override {
    const FrameView& last = frames.back();
    text("stack");
    nothing(kAmountColumnsBeforeStack);
    text(hash);
    nothing(kAmountColumnsAfterStack);
    text(last.filename.value_or(""));
    number(std::optional(last.lineno));
    text(last.function.value_or(""));
    text(last.module.value_or(""));
    object_json_.begin_array();
    for (const FrameView& frame : frames) write_frame(object_json_, frame);
    object_json_.end_array();
    object_json_.finish();
    text(object_text_.take());
    end_line();
  }

  void amounts(const SnapshotColumns& snapshot, const std::string& hash, const Domain& domain,
               const SelectedRow& row) override {
    text("amount");
    text(snapshot.id);
    text(snapshot.time.value_or(""));
    text(snapshot.host.value_or(""));
    text(snapshot.program.value_or(""));
    number(snapshot.pid);
    text(snapshot.labels_text);
    number(snapshot.sampling_rate);
    text(hash);
    number(std::optional(domain.number));
    text(domain.name);
    for (const Metric metric : kMetrics) {
      const bool is_known = input_.rows.has(metric);
      number(is_known ? std::optional(row[metric].size) : std::nullopt);
      number(is_known ? std::optional(row[metric].count) : std::nullopt);
    }
    nothing(kStackColumns);
    end_line();
  }

  void finish() override { buffer_.flush(); }

 private:
  static constexpr std::size_t kAmountColumnsBeforeStack = 7, kAmountColumnsAfterStack = 8,
                               kStackColumns = 5;

  void separate() {
    if (!std::exchange(is_first_, false)) buffer_.text() += ',';
  }
  void nothing(std::size_t columns) {
    for (std::size_t i = 0; i < columns; ++i) separate();
  }
  void text(std::string_view text) {
    separate();
    append_csv_field(buffer_.text(), valid_text(text, changed_));
  }
  template <class T>
  void number(const std::optional<T>& known) {
    separate();
    if (known) fmt::format_to(std::back_inserter(buffer_.text()), "{}", *known);
  }
  void end_line() {
    buffer_.text() += "\r\n";
    buffer_.line_done();
    is_first_ = true;
  }

  const ExportInput& input_;
  SinkBuffer buffer_;
  RowText object_text_;
  JsonWriter object_json_;
  std::string changed_;
  bool is_first_ = true;
};

class RowsWriter {
 public:
  RowsWriter(const ExportInput& input, RowFormat& format)
      : input_(input),
        tables_(input.rows.tables()),
        format_(format),
        hashes_(hash_tracebacks(tables_)),
        is_written_(tables_.nodes.size(), 0) {}

  void write() {
    for (std::size_t i = 0; i < input_.rows.snapshots(); ++i) {
      const SnapshotColumns snapshot = columns_of(i);
      std::string hash;
      NodeId node = kRoot;
      input_.for_each_row(i, [&](const SelectedRow& row) {
        if (row.node != node) {
          node = row.node;
          hash = hex(hashes_[node]);
          stack(node, hash);
        }
        format_.amounts(snapshot, hash, input_.rows.domains()[row.domain], row);
      });
    }
    format_.finish();
  }

 private:
  void stack(NodeId node, const std::string& hash) {
    if (std::exchange(is_written_[node], 1) != 0) return;
    frames_.clear();
    for (; node != kRoot; node = tables_.nodes[node].parent) {
      frames_.push_back(view_of(tables_, tables_.frames[tables_.nodes[node].frame]));
    }
    std::reverse(frames_.begin(), frames_.end());
    format_.stack(hash, frames_);
  }

  [[nodiscard]] SnapshotColumns columns_of(std::size_t index) const {
    const Metadata& metadata = input_.rows.snapshot(index).metadata;
    const auto known = [](const std::string& text) {
      return text.empty() ? std::nullopt : std::optional(text);
    };
    SnapshotColumns columns{.id = id_of(index),
                            .time = std::nullopt,
                            .host = known(metadata.host),
                            .program = known(metadata.program),
                            .pid = metadata.pid,
                            .sampling_rate = metadata.sampling_rate,
                            .labels = &metadata.labels,
                            .labels_text = json_of(metadata.labels)};
    if (metadata.created) columns.time = time_of(*metadata.created);
    return columns;
  }

  // The snapshot is known by what is exported of it, in whatever order: the same file loaded twice
  // has the same rows, and another selection of it has others.
  [[nodiscard]] std::string id_of(std::size_t index) const {
    const Metadata& metadata = input_.rows.snapshot(index).metadata;
    HashedBytes bytes;
    XXH128_hash_t sum{};
    input_.for_each_row(index, [&](const SelectedRow& row) {
      bytes.hash(hashes_[row.node]);
      bytes.number(input_.rows.domains()[row.domain].number);
      for (const Amount& amount : row.amounts) {
        bytes.number(amount.size);
        bytes.number(amount.count);
      }
      const XXH128_hash_t hash = bytes.take();
      sum.low64 += hash.low64;
      sum.high64 += hash.high64;
    });
    bytes.hash(sum);
    for (const std::string& text : {metadata.host, metadata.program}) {
      bytes.raw(text);
    }
    for (const std::string& argument : metadata.command) bytes.raw(argument);
    bytes.number(metadata.pid.value_or(0));
    bytes.number(metadata.started.value_or(0));
    bytes.number(metadata.created.value_or(0));
    return hex(bytes.take());
  }

  const ExportInput& input_;
  const Tracebacks& tables_;
  RowFormat& format_;
  IdVector<NodeId, XXH128_hash_t> hashes_;
  IdVector<NodeId, char> is_written_;
  std::vector<FrameView> frames_;
};

template <class Format>
ExportNotes export_rows(const ExportInput& input, Sink& sink) {
  Format format(input, sink);
  RowsWriter(input, format).write();
  return {};
}

}  // namespace

ExportNotes export_ndjson(const ExportInput& input, Sink& sink) {
  return export_rows<NdjsonRows>(input, sink);
}

ExportNotes export_csv(const ExportInput& input, Sink& sink) {
  return export_rows<CsvRows>(input, sink);
}

}  // namespace memtrace
