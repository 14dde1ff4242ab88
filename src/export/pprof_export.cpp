// pprof's profile.proto, in gzip (https://github.com/google/pprof/blob/main/proto/profile.proto).
//
// Messages are written as they come up: a string, a function or a location stands before the first
// sample that uses it. So memory is needed for what was written, a number each, not for samples.
//
// A location is a place in the machine's code with the calls that were inlined there, innermost
// first. mtrace keeps lines, not the addresses that they came from, but readers take locations with
// equal addresses for equal. So each module gets a range of its own, and each location an address
// of its own in its module's range: for an address that was not resolved, START + OFFSET; for all
// others, one behind the module's last offset. None is ever zero.
#include <fmt/format.h>
#include <tsl/robin_map.h>

#include <algorithm>
#include <array>
#include <optional>
#include <protozero/pbf_builder.hpp>

#include "analysis/grouping.hpp"
#include "base/profile_proto.hpp"
#include "export/export_format.hpp"
#include "export/gzip_sink.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// Zero is what a reader takes for a number that is missing.
template <class Fields>
class Message : public protozero::pbf_builder<Fields> {
 public:
  using protozero::pbf_builder<Fields>::pbf_builder;

  void number(Fields field, std::uint64_t value) {
    if (value != 0) this->add_uint64(field, value);
  }
  void number(Fields field, std::int64_t value) {
    if (value != 0) this->add_int64(field, value);
  }
};

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += kHexDigits[static_cast<unsigned char>(byte) >> 4];
    text += kHexDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

// What pprof calls the amounts of a metric, in the order in which it wants them.
struct SampleTypes {
  Metric metric;
  std::string_view objects, space;
};
constexpr std::array kSampleTypes = {
    SampleTypes{Metric::total, "alloc_objects", "alloc_space"},
    SampleTypes{Metric::live, "inuse_objects", "inuse_space"},
    SampleTypes{Metric::peak, "peak_objects", "peak_space"},
};

struct KeyHash {
  std::size_t operator()(std::uint64_t key) const { return mix(key, 0); }
};

// The places in the machine's code: a frame, or a call that was inlined into another place.
class Places {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNowhere = std::numeric_limits<Id>::max();
  struct Place {
    Id host;  // what it was inlined into; kNowhere: it was not
    FrameId frame;
  };

  explicit Places(const Tracebacks& tables)
      : of_frame_(tables.frames.size(), kNowhere), of_node_(tables.nodes.size(), kNowhere) {
    for (const NodeId id : ids_of(tables.nodes)) {
      if (id == kRoot) continue;
      const Node& node = tables.nodes[id];
      const Frame& frame = tables.frames[node.frame];
      // Where the host is hidden, what is above it in the tree is another one.
      const bool is_inlined = frame.kind == FrameKind::inlined && node.parent != kRoot &&
                              tables.frames[tables.nodes[node.parent].frame].module == frame.module;
      of_node_[id] = is_inlined ? inlined(of_node_[node.parent], node.frame) : own(node.frame);
    }
  }

  [[nodiscard]] Id of(NodeId node) const { return of_node_[node]; }
  [[nodiscard]] const Place& operator[](Id id) const { return places_[id]; }
  [[nodiscard]] std::size_t size() const { return places_.size(); }

 private:
  Id add(Id host, FrameId frame) {
    places_.push_back({host, frame});
    return static_cast<Id>(places_.size() - 1);
  }
  Id own(FrameId frame) {
    if (of_frame_[frame] == kNowhere) of_frame_[frame] = add(kNowhere, frame);
    return of_frame_[frame];
  }
  Id inlined(Id host, FrameId frame) {
    const std::uint64_t key = std::uint64_t{host} << 32 | index_of(frame);
    const auto [found, is_new] = inlined_.try_emplace(key, 0);
    if (is_new) found.value() = add(host, frame);
    return found->second;
  }

  std::vector<Place> places_;
  IdVector<FrameId, Id> of_frame_;
  tsl::robin_map<std::uint64_t, Id, KeyHash> inlined_;
  IdVector<NodeId, Id> of_node_;
};

// Where each module is: one after the other, in an order of their own.
class AddressSpace {
 public:
  struct Range {
    std::uint64_t start = 0, limit = 0;
    std::uint64_t next = 0;      // the next address for a location that has none
    std::uint64_t mapping = 0;   // its number from 1 on; 0: no module
    bool has_functions = false;  // something in it was resolved
  };

  // `places` is more than there are in any module. The program comes first: pprof names a profile
  // after it.
  AddressSpace(const Tracebacks& tables, std::string_view program, std::size_t places)
      : ranges_(tables.modules.size()) {
    IdVector<ModuleId, std::uint64_t> ends(tables.modules.size());
    IdVector<ModuleId, char> used(tables.modules.size());
    for (const Frame& frame : tables.frames) {
      if (frame.module == kNone<ModuleId>) continue;
      used[frame.module] = 1;
      if (frame.is_address() && is_address(frame.offset)) {
        ends[frame.module] = std::max(ends[frame.module], frame.offset + 1);
      }
      ranges_[frame.module].has_functions |= !frame.is_address();
    }
    for (const ModuleId module : ids_of(tables.modules)) {
      if (used[module] != 0) order_.push_back(module);
    }
    std::stable_partition(order_.begin(), order_.end(), [&](ModuleId module) {
      return tables.strings[tables.modules[module].name] == program;
    });
    has_program_ =
        !order_.empty() && tables.strings[tables.modules[order_.front()].name] == program;
    if (!has_program_) {
      program_ = {.start = end_,
                  .limit = end_ + kPage,
                  .next = end_,
                  .mapping = ++mappings_,
                  .has_functions = true};
      end_ += kPage;
    }
    for (const ModuleId module : order_) {
      Range& range = ranges_[module];
      range.start = end_;
      range.next = end_ + ends[module];
      range.mapping = ++mappings_;
      end_ = (range.next + places + kPage) / kPage * kPage;
      range.limit = end_;
    }
    nowhere_.next = end_;
  }

  [[nodiscard]] const std::vector<ModuleId>& order() const { return order_; }
  // Of a program that no frame is in, such as what runs Python's code.
  [[nodiscard]] std::optional<Range> program() const {
    return has_program_ ? std::nullopt : std::optional(program_);
  }
  [[nodiscard]] const Range& operator[](ModuleId module) const {
    return module == kNone<ModuleId> ? nowhere_ : ranges_[module];
  }

  std::uint64_t address_of(const Frame& frame) {
    Range& range = frame.module == kNone<ModuleId> ? nowhere_ : ranges_[frame.module];
    if (frame.is_address() && is_address(frame.offset) && range.mapping != 0) {
      return range.start + frame.offset;
    }
    return range.next++;
  }

 private:
  // No module is larger than that; what a file says beyond is not worth an overflow.
  static bool is_address(std::uint64_t offset) { return offset < std::uint64_t{1} << 40; }

  static constexpr std::uint64_t kPage = 4096;

  IdVector<ModuleId, Range> ranges_;
  Range nowhere_, program_;
  bool has_program_ = false;
  std::vector<ModuleId> order_;
  std::uint64_t end_ = 16 * kPage;
  std::uint64_t mappings_ = 0;
};

class PprofWriter {
 public:
  PprofWriter(const ExportInput& input, Sink& sink)
      : input_(input),
        tables_(input.rows.tables()),
        sink_(sink),
        metadata_(input.rows.snapshot(input.rows.snapshots() - 1).metadata),
        places_(tables_),
        space_(tables_, metadata_.program, places_.size()),
        location_of_(places_.size()),
        function_of_(tables_.frames.size()) {}

  ExportNotes write() {
    string("");  // what number 0 stands for
    sample_types();
    if (const auto range = space_.program(); range && !metadata_.program.empty()) {
      mapping(*range, metadata_.program, {});
    }
    for (const ModuleId module : space_.order()) {
      const Module& named = tables_.modules[module];
      mapping(space_[module], tables_.strings[named.name], named.build_id);
    }
    for (std::size_t i = 0; i < input_.rows.snapshots(); ++i) {
      const bool is_base = input_.is_comparison() && i == 0;
      const Metadata& metadata = input_.rows.snapshot(i).metadata;
      input_.for_each_row(i, [&](const SelectedRow& row) { sample(row, metadata, is_base); });
    }
    about();
    flush();
    return std::move(notes_);
  }

 private:
  // The table's next string is written where it is needed first.
  std::int64_t string(std::string_view text) {
    const std::size_t known = strings_.tables().strings.size();
    const StringId id = strings_.string(text);
    if (index_of(id) == known) {
      Message<ProfileField> profile(data_);
      profile.add_string(ProfileField::string_table, text.data(), text.size());
    }
    return static_cast<std::int64_t>(index_of(id));
  }

  void value_type(ProfileField field, std::string_view type, std::string_view unit) {
    const std::int64_t type_string = string(type), unit_string = string(unit);
    Message<ProfileField> profile(data_);
    Message<ValueTypeField> value(profile, field);
    value.number(ValueTypeField::type, type_string);
    value.number(ValueTypeField::unit, unit_string);
  }

  void sample_types() {
    for (const SampleTypes& types : kSampleTypes) {
      const bool is_usual = types.metric != Metric::peak;
      if (!is_usual && input_.metric != types.metric) continue;
      if (!input_.rows.has(types.metric)) {
        const std::string left_out =
            fmt::format("{} and {} are left out", types.objects, types.space);
        notes_.push_back(note_of_missing(types.metric, left_out));
        continue;
      }
      metrics_.push_back(types.metric);
      value_type(ProfileField::sample_type, types.objects, "count");
      value_type(ProfileField::sample_type, types.space, "bytes");
      if (types.metric == input_.metric) default_type_ = types.space;
    }
  }

  void mapping(const AddressSpace::Range& range, std::string_view filename,
               std::string_view build_id_bytes) {
    const std::int64_t name = string(escaped(filename));
    const std::int64_t build_id = string(hex(build_id_bytes));
    Message<ProfileField> profile(data_);
    Message<MappingField> mapping(profile, ProfileField::mapping);
    mapping.number(MappingField::id, range.mapping);
    mapping.number(MappingField::memory_start, range.start);
    mapping.number(MappingField::memory_limit, range.limit);
    mapping.number(MappingField::filename, name);
    mapping.number(MappingField::build_id, build_id);
    if (!range.has_functions) return;
    // Otherwise pprof would look the addresses up, which are not the program's.
    for (const MappingField has :
         {MappingField::has_functions, MappingField::has_filenames, MappingField::has_line_numbers,
          MappingField::has_inline_frames}) {
      mapping.add_bool(has, true);
    }
  }

  std::uint64_t function(FrameId id) {
    std::uint64_t& function = function_of_[id];
    if (function != 0) return function;
    const FrameView frame = view_of(tables_, tables_.frames[id]);
    const std::int64_t name = string(frame_name(frame));
    const std::int64_t filename = string(escaped(frame.filename.value_or("")));
    const auto [found, is_new] = functions_.try_emplace(
        static_cast<std::uint64_t>(name) << 32 | static_cast<std::uint64_t>(filename),
        functions_.size() + 1);
    function = found->second;
    if (!is_new) return function;
    Message<ProfileField> profile(data_);
    Message<FunctionField> message(profile, ProfileField::function);
    message.number(FunctionField::id, function);
    message.number(FunctionField::name, name);
    // pprof makes names shorter that are the system's, unless told otherwise: a place is none.
    if (frame.function) message.number(FunctionField::system_name, name);
    message.number(FunctionField::filename, filename);
    return function;
  }

  std::uint64_t location(Places::Id id) {
    std::uint64_t& location = location_of_[id];
    if (location != 0) return location;
    location = ++locations_;
    frames_.clear();
    for (Places::Id place = id; place != Places::kNowhere; place = places_[place].host) {
      frames_.push_back(places_[place].frame);
    }
    // Its functions are written first: a message cannot begin within another.
    for (const FrameId frame : frames_) {
      if (!tables_.frames[frame].is_address()) function(frame);
    }
    const Frame& host = tables_.frames[frames_.back()];
    Message<ProfileField> profile(data_);
    Message<LocationField> message(profile, ProfileField::location);
    message.number(LocationField::id, location);
    message.number(LocationField::mapping_id, space_[host.module].mapping);
    message.number(LocationField::address, space_.address_of(host));
    for (const FrameId frame : frames_) {
      if (tables_.frames[frame].is_address()) continue;
      Message<LineField> line(message, LocationField::line);
      line.number(LineField::function_id, function_of_[frame]);
      line.number(LineField::line, std::uint64_t{tables_.frames[frame].lineno});
    }
    return location;
  }

  // Most recent first, each with what was inlined there.
  void locations_of(NodeId node) {
    location_ids_.clear();
    while (node != kRoot) {
      Places::Id place = places_.of(node);
      location_ids_.push_back(location(place));
      for (; place != Places::kNowhere; place = places_[place].host) {
        node = tables_.nodes[node].parent;
      }
    }
  }

  void sample(const SelectedRow& row, const Metadata& metadata, bool is_base) {
    values_.clear();
    for (const Metric metric : metrics_) {
      values_.push_back(row[metric].count);
      values_.push_back(row[metric].size);
    }
    if (std::ranges::all_of(values_, [](std::int64_t value) { return value == 0; })) return;
    if (is_base) {
      for (std::int64_t& value : values_) value = -value;
    }
    locations_of(row.node);
    labels_.clear();
    const Domain& domain = input_.rows.domains()[row.domain];
    label("domain", domain.name.empty() ? std::to_string(domain.number) : escaped(domain.name));
    for (const auto& [name, text] : metadata.labels) label(escaped(name), escaped(text));
    // As `go tool pprof -diff_base` marks what is taken off.
    if (is_base) label("pprof::base", "true");
    {
      Message<ProfileField> profile(data_);
      Message<SampleField> message(profile, ProfileField::sample);
      message.add_packed_uint64(SampleField::location_id, location_ids_.begin(),
                                location_ids_.end());
      message.add_packed_int64(SampleField::value, values_.begin(), values_.end());
      for (const auto& [key, text] : labels_) {
        Message<LabelField> one(message, SampleField::label);
        one.number(LabelField::key, key);
        one.number(LabelField::str, text);
      }
    }
    constexpr std::size_t kFull = std::size_t{1} << 16;
    if (data_.size() >= kFull) flush();
  }

  void label(std::string_view key, std::string_view text) {
    const std::int64_t key_string = string(key);
    labels_.emplace_back(key_string, string(text));
  }

  void comment(const std::string& text) {
    const std::int64_t number = string(text);
    Message<ProfileField> profile(data_);
    profile.add_int64(ProfileField::comment, number);
  }

  void about() {
    if (metadata_.sampling_rate) value_type(ProfileField::period_type, "space", "bytes");
    const std::int64_t default_type = string(default_type_);
    {
      Message<ProfileField> profile(data_);
      profile.number(ProfileField::default_sample_type, default_type);
      if (metadata_.created) profile.number(ProfileField::time_nanos, *metadata_.created);
      if (metadata_.created && metadata_.started && *metadata_.started < *metadata_.created) {
        profile.number(ProfileField::duration_nanos, *metadata_.created - *metadata_.started);
      }
      if (metadata_.sampling_rate) profile.number(ProfileField::period, *metadata_.sampling_rate);
    }
    comment("exported by " + input_.exporter);
    if (!metadata_.command.empty()) comment("command: " + shell_words(metadata_.command));
    if (!metadata_.host.empty()) comment("host: " + escaped(metadata_.host));
    if (metadata_.pid) comment(fmt::format("pid: {}", *metadata_.pid));
    if (metadata_.sampling_rate) {
      comment(fmt::format("estimates from samples, one in {} bytes: they are scaled already",
                          *metadata_.sampling_rate));
    }
    losses();
    for (const std::string& note : notes_) comment(note);
  }

  void losses() {
    const Losses& losses = metadata_.losses;
    const auto lost = [&](std::uint64_t number, std::string_view what) {
      if (number != 0) comment(fmt::format("data loss: {}: {}", what, number));
    };
    lost(losses.truncated_tracebacks, "blocks whose tracebacks lack their oldest frames");
    lost(losses.dropped_blocks, "blocks that were not recorded");
    lost(losses.unknown_frees, "frees of blocks that were never seen");
    lost(losses.missing_threads, "threads whose blocks are not counted");
  }

  void flush() {
    sink_.write(data_);
    data_.clear();
  }

  const ExportInput& input_;
  const Tracebacks& tables_;
  Sink& sink_;
  const Metadata& metadata_;
  Places places_;
  AddressSpace space_;
  std::string data_;                                                 // what is not written yet
  TracebackBuilder strings_;                                         // of strings alone
  tsl::robin_map<std::uint64_t, std::uint64_t, KeyHash> functions_;  // name, file name
  std::vector<std::uint64_t> location_of_;        // place -> number; 0: not written
  IdVector<FrameId, std::uint64_t> function_of_;  // the same
  std::uint64_t locations_ = 0;
  std::vector<Metric> metrics_;
  std::string_view default_type_;
  ExportNotes notes_;
  // Of one sample, or one location.
  std::vector<FrameId> frames_;
  std::vector<std::uint64_t> location_ids_;
  std::vector<std::int64_t> values_;
  std::vector<std::pair<std::int64_t, std::int64_t>> labels_;
};

}  // namespace

ExportNotes export_pprof(const ExportInput& input, Sink& sink) {
  GzipSink packed(sink);
  ExportNotes notes = PprofWriter(input, packed).write();
  packed.finish();
  return notes;
}

}  // namespace memtrace
