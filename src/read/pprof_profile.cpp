// pprof's profiles of heaps: Go's, tcmalloc's, Rust's, and what `mtrace export --to pprof` writes.
#include <fmt/format.h>
#include <tsl/robin_map.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "model/frame_hash.hpp"
#include "mtrace/error.hpp"
#include "mtrace/snapshot_builder.hpp"
#include "read/foreign_snapshot.hpp"
#include "read/input_format.hpp"
#include "read/profile_messages.hpp"

namespace memtrace {
namespace {

// How mtrace's own exports say so in their first comment.
constexpr std::string_view kExported = "exported by mtrace";
// What marks the samples that a comparison takes off.
constexpr std::string_view kBaseLabel = "pprof::base";
constexpr std::string_view kDomainLabel = "domain";

// The names that heap profiles have for the amounts of a metric; the first pair that is there
// counts. What tcmalloc and Rust's jemalloc_pprof call "objects" and "space" is alive.
struct MetricNames {
  Metric metric;
  std::string_view count, size;
};
constexpr std::array kMetricNames = {
    MetricNames{Metric::live, "inuse_objects", "inuse_space"},
    MetricNames{Metric::live, "objects", "space"},
    MetricNames{Metric::peak, "peak_objects", "peak_space"},
    MetricNames{Metric::total, "alloc_objects", "alloc_space"},
};

// A metric's places in a sample's list of values.
struct MetricColumn {
  Metric metric{};
  std::size_t size = 0;
  std::optional<std::size_t> count{};  // none: the profile has bytes alone
};

struct LocationOfCaller {
  std::uint64_t location = 0;
  NodeId caller = kRoot;
  bool operator==(const LocationOfCaller&) const = default;
};

struct LocationOfCallerHash {
  std::size_t operator()(const LocationOfCaller& key) const {
    return mix(key.location, index_of(key.caller));
  }
};

std::string from_hex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return {};  // Go's own ids are no hexadecimal numbers
    bytes += static_cast<char>(high << 4 | low);
  }
  return text.size() % 2 == 0 ? bytes : std::string();
}

// Words as a shell takes them apart, as far as they were put together by shell_words(): in single
// quotes, or with a backslash.
std::vector<std::string> shell_arguments(std::string_view text) {
  std::vector<std::string> words(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      is_quoted = !is_quoted;
    } else if (text[i] == ' ' && !is_quoted) {
      words.emplace_back();
    } else if (text[i] == '\\' && !is_quoted && i + 1 < text.size()) {
      words.back() += text[++i];
    } else {
      words.back() += text[i];
    }
  }
  return words;
}

class ProfileReader {
 public:
  explicit ProfileReader(std::string bytes) : profile_(std::move(bytes)) {}

  Snapshot read(const ReadOptions& options) {
    columns_ = columns_of(options);
    SnapshotBuilder builder([&] {
      std::vector<Metric> metrics;
      for (const MetricColumn& column : columns_) metrics.push_back(column.metric);
      return metrics;
    }());
    add_modules(builder.tracebacks());
    tracebacks_.emplace(builder.tracebacks());
    for (const protozero::data_view& view : profile_.samples) sample(view, builder);
    describe(builder.metadata());
    return builder.finish();
  }

 private:
  [[nodiscard]] std::string type_words() const {
    std::string words;
    for (const ValueTypeMessage& type : profile_.types) {
      words +=
          fmt::format("{}{}/{}", words.empty() ? "" : ", ", as_utf8(profile_.string(type.type)),
                      as_utf8(profile_.string(type.unit)));
    }
    return words.empty() ? "none" : words;
  }

  [[nodiscard]] std::optional<std::size_t> place_of(std::string_view type) const {
    for (std::size_t i = 0; i < profile_.types.size(); ++i) {
      if (profile_.string(profile_.types[i].type) == type) return i;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<MetricColumn> columns_of(const ReadOptions& options) const {
    std::vector<MetricColumn> columns;
    for (const MetricNames& names : kMetricNames) {
      const auto size = place_of(names.size);
      const bool is_known = std::ranges::any_of(
          columns, [&](const MetricColumn& column) { return column.metric == names.metric; });
      if (!size || is_known || profile_.string(profile_.types[*size].unit) != "bytes") continue;
      columns.push_back({.metric = names.metric, .size = *size, .count = place_of(names.count)});
    }
    if (columns.empty()) {
      throw Error(
          fmt::format("a pprof profile, but not of memory: its sample types are {}", type_words()));
    }
    if (!options.metric) return columns;
    std::erase_if(columns,
                  [&](const MetricColumn& column) { return column.metric != *options.metric; });
    if (columns.empty()) {
      throw Error(fmt::format("this pprof profile has no {} metric: its sample types are {}",
                              name_of(*options.metric), type_words()));
    }
    return columns;
  }

  [[nodiscard]] bool is_own_export() const {
    return !profile_.comments.empty() &&
           profile_.string(profile_.comments.front()).starts_with(kExported);
  }

  void add_modules(TracebackBuilder& builder) {
    is_own_export_ = is_own_export();
    frames_.resize(profile_.locations.all().size());
    for (const MappingMessage& mapping : profile_.mappings.all()) {
      const std::string_view filename = profile_.string(mapping.filename);
      const std::string build_id = from_hex(profile_.string(mapping.build_id));
      modules_.push_back(
          filename.empty()
              ? kNone<ModuleId>
              : builder.module({.name = builder.string(as_utf8(filename)), .build_id = build_id}));
    }
  }

  // Bytes from where the module's file would be loaded at address 0. What is mapped low was loaded
  // where its file says.
  [[nodiscard]] std::uint64_t module_offset(const MappingMessage& mapping,
                                            std::uint64_t address) const {
    constexpr std::uint64_t kLowest = std::uint64_t{1} << 32;
    if (is_own_export_) return address - mapping.start;
    if (mapping.start < kLowest || address < mapping.start) return address;
    return address - mapping.start + mapping.file_offset;
  }

  FrameId source_frame(const LineMessage& line, ModuleId module, bool is_inlined,
                       TracebackBuilder& builder) const {
    const std::size_t place = profile_.functions.find(line.function);
    if (place == MessageTable<FunctionMessage>::kNowhere) {
      profile_.fail(fmt::format("damaged: there is no function {}", line.function));
    }
    const FunctionMessage& function = profile_.functions[place];
    const std::string filename = as_utf8(profile_.string(function.filename));
    std::string name = as_utf8(profile_.string(function.name));
    if (name.empty()) name = as_utf8(profile_.string(function.system_name));
    Frame frame{.module = module, .kind = is_inlined ? FrameKind::inlined : FrameKind::source};
    if (line.lineno > 0 && line.lineno <= std::numeric_limits<std::uint32_t>::max()) {
      frame.lineno = static_cast<std::uint32_t>(line.lineno);
    }
    if (!filename.empty()) frame.filename = builder.string(filename);
    // An export calls a frame without a function by its place.
    const bool is_place = is_own_export_ && profile_.string(function.system_name).empty();
    if (!name.empty() && !is_place) frame.function = builder.string(name);
    return builder.frame(frame);
  }

  // Oldest first: the machine's frame, then the calls that were inlined there.
  const std::vector<FrameId>& frames_of(std::uint64_t id, TracebackBuilder& builder) {
    const std::size_t place = profile_.locations.find(id);
    if (place == MessageTable<LocationMessage>::kNowhere) {
      profile_.fail(fmt::format("damaged: there is no location {}", id));
    }
    std::vector<FrameId>& frames = frames_[place];
    if (!frames.empty()) return frames;
    const LocationMessage& location = profile_.locations[place];
    const std::size_t mapping = profile_.mappings.find(location.mapping);
    const bool has_mapping = mapping != MessageTable<MappingMessage>::kNowhere;
    if (!has_mapping && location.mapping != 0) {
      profile_.fail(fmt::format("damaged: there is no mapping {}", location.mapping));
    }
    const ModuleId module = has_mapping ? modules_[mapping] : kNone<ModuleId>;
    for (std::size_t i = location.lines; i-- > 0;) {
      const bool is_inlined = i + 1 < location.lines;
      frames.push_back(
          source_frame(profile_.lines[location.first_line + i], module, is_inlined, builder));
    }
    if (frames.empty()) {
      frames.push_back(builder.frame(
          {.module = module,
           .offset = has_mapping ? module_offset(profile_.mappings[mapping], location.address)
                                 : location.address,
           .kind = FrameKind::exact_address}));
    }
    return frames;
  }

  // By number, or by name. What no tracer has a number for gets one behind the last of theirs.
  DomainId domain_called(const std::string& name, SnapshotBuilder& builder) {
    constexpr std::string_view kDigits = "0123456789";
    constexpr std::size_t kMostDigits = 9;
    if (!name.empty() && name.size() <= kMostDigits &&
        name.find_first_not_of(kDigits) == std::string::npos) {
      return builder.domain(static_cast<std::uint32_t>(std::stoul(name)));
    }
    constexpr auto kKnown =
        std::to_array<std::string_view>({"python", "native", "mmap"});  // in their order
    const auto known = std::ranges::find(kKnown, name);
    if (known != kKnown.end()) {
      return builder.domain(static_cast<std::uint32_t>(known - kKnown.begin()), name);
    }
    constexpr std::uint32_t kFirst = 1'000'000'000;
    const auto found = std::ranges::find(domain_names_, name);
    const auto number = static_cast<std::uint32_t>(found - domain_names_.begin());
    if (found == domain_names_.end()) {
      constexpr std::size_t kMostNames = 1000;
      if (domain_names_.size() == kMostNames) profile_.fail("more than 1000 names of domains");
      domain_names_.push_back(name);
    }
    return builder.domain(kFirst + number, name);
  }

  void sample(const protozero::data_view& data, SnapshotBuilder& builder) {
    profile_.read_sample(data, sample_);
    DomainId domain = kNone<DomainId>;
    for (const auto& [key, text] : sample_.labels) {
      const std::string_view name = profile_.string(key);
      if (name == kBaseLabel) {
        profile_.fail("this is a comparison of two profiles: read each of them alone");
      }
      if (name == kDomainLabel) domain = domain_called(as_utf8(profile_.string(text)), builder);
    }
    if (domain == kNone<DomainId>) domain = domain_called("native", builder);
    const NodeId node = traceback();
    for (const MetricColumn& column : columns_) {
      const Amount amount{sample_.values[column.size],
                          column.count ? sample_.values[*column.count] : 0};
      if (amount.size < 0 || amount.count < 0) {
        profile_.fail("negative amounts: a comparison of profiles, or damaged");
      }
      builder.add(node, domain, column.metric, amount);
    }
  }

  // A location with many inlined calls costs a caller once, however many samples go through it.
  NodeId traceback() {
    TracebackBuilder& tracebacks = tracebacks_->builder();
    NodeId node = kRoot;
    std::for_each(sample_.location_ids.rbegin(), sample_.location_ids.rend(),
                  [&](std::uint64_t id) {
                    const auto known = callees_.find({id, node});
                    if (known != callees_.end()) {
                      node = known->second;
                      return;
                    }
                    const NodeId caller = node;
                    for (const FrameId frame : frames_of(id, tracebacks))
                      node = tracebacks_->child(node, frame, profile_.size());
                    callees_.emplace(LocationOfCaller{id, caller}, node);
                  });
    return node == kRoot ? tracebacks.unknown_node() : node;
  }

  void describe(Metadata& metadata) const {
    metadata.kind = SnapshotKind::pprof;
    if (!profile_.mappings.all().empty()) {
      metadata.program = as_utf8(profile_.string(profile_.mappings.all().front().filename));
    }
    if (profile_.time > 0) metadata.created = profile_.time;
    if (profile_.time > 0 && profile_.duration > 0 && profile_.duration < profile_.time)
      metadata.started = profile_.time - profile_.duration;
    const bool is_sampled = profile_.period > 1 &&
                            profile_.string(profile_.period_type.type) == "space" &&
                            profile_.string(profile_.period_type.unit) == "bytes";
    if (is_sampled) metadata.sampling_rate = static_cast<std::uint64_t>(profile_.period);
    if (!is_own_export_) return;
    for (const std::uint64_t comment : profile_.comments)
      own_comment(as_utf8(profile_.string(comment)), metadata);
  }

  // What an export says of the snapshot in words: "pid: 4711".
  static void own_comment(std::string_view text, Metadata& metadata) {
    const std::size_t colon = text.rfind(": ");
    if (colon == std::string_view::npos) return;
    const std::string_view value = text.substr(colon + 2);
    if (text.starts_with("host: ")) metadata.host = value;
    if (text.starts_with("command: ")) {
      metadata.command = shell_arguments(text.substr(text.find(' ') + 1));
    }
    std::uint64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [parsed_to, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || parsed_to != end) return;
    Losses& losses = metadata.losses;
    if (text.starts_with("pid: ")) metadata.pid = number;
    if (text.starts_with("data loss: blocks whose")) losses.truncated_tracebacks = number;
    if (text.starts_with("data loss: blocks that")) losses.dropped_blocks = number;
    if (text.starts_with("data loss: frees")) losses.unknown_frees = number;
    if (text.starts_with("data loss: threads")) losses.missing_threads = number;
  }

  ProfileMessages profile_;
  bool is_own_export_ = false;
  std::vector<MetricColumn> columns_;
  std::vector<ModuleId> modules_;             // of each mapping
  std::vector<std::vector<FrameId>> frames_;  // of each location, where they were needed
  std::vector<std::string> domain_names_;
  tsl::robin_map<LocationOfCaller, NodeId, LocationOfCallerHash> callees_;
  std::optional<BoundedTracebacks> tracebacks_;
  SampleMessage sample_;  // one at a time
};

// --- the format ---

bool recognizes(const OpenInput& input) {
  return begins_profile(input.start);
}

std::string all_of(Input& input) {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  std::string bytes;
  for (;;) {
    const std::string piece = read_up_to(input, kPiece);
    bytes += piece;
    if (piece.size() < kPiece) return bytes;
  }
}

Snapshot read(OpenInput& input, const ReadOptions& options) {
  return ProfileReader(all_of(input.bytes)).read(options);
}

// Profiles are small, and what they are called by stands at their end.
SnapshotInfo info_of_profile(OpenInput& input, bool /*timelines*/) {
  return info_of(read(input, {}), "profile.proto");
}

}  // namespace

constinit const InputFormat kPprofProfile = {recognizes, read, info_of_profile};

}  // namespace memtrace
