#include "page/page_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "analysis/frame_match.hpp"
#include "mtrace/snapshot_info.hpp"
#include "page/page_courses.hpp"
#include "render/escape.hpp"
#include "render/json.hpp"
#include "render/layout.hpp"
#include "render/location.hpp"
#include "render/readable_name.hpp"

namespace memtrace {
namespace {

// Columns of a name. What is wider only takes room in the file.
constexpr std::size_t kLongestText = 2000;
constexpr std::size_t kLongestSourceLine = 300;
// The same in a page's data and in its program.
constexpr unsigned kSystemFrame = 1, kInlinedFrame = 2, kMergedFrames = 4, kUnresolved = 8;

std::string bounded(std::string_view text, std::size_t width = kLongestText) {
  std::string harmless = escaped(text);
  return harmless.size() <= width ? harmless : shortened_end(harmless, width);
}

// Names, each once; those of functions with a shorter form for where there is little room. Equal
// ids are equal names, also where what is shown of them is the same.
class NameTable {
 public:
  explicit NameTable(const Tracebacks& tables, const std::vector<std::string>& prefixes)
      : strings_(tables.strings), prefixes_(prefixes) {
    for (auto& ids : ids_) ids.resize(strings_.size(), kUnknown);
  }

  std::int64_t path(StringId id) { return known(id, 0); }
  std::int64_t function(StringId id) { return known(id, 1); }
  std::int64_t text(std::string_view text) {
    const auto [found, is_new] = others_.try_emplace(std::string(text), kUnknown);
    if (is_new) found->second = add(shown_path(text), {});
    return found->second;
  }

  void write(JsonWriter& json) const {
    json.key("names");
    json.begin_array();
    for (const Name& name : names_) json.value(name.shown);
    json.end_array();
    json.key("full_names");
    json.begin_object();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].full.empty()) continue;
      json.text_key(std::to_string(i));
      json.value(names_[i].full);
    }
    json.end_object();
  }

 private:
  static constexpr std::int64_t kUnknown = -1;
  struct Name {
    std::string shown, full;  // full: empty where it is the same
  };

  std::int64_t known(StringId id, std::size_t kind) {
    if (id == kNone<StringId>) return kUnknown;
    std::int64_t& index = ids_.at(kind)[id];
    if (index != kUnknown) return index;
    if (kind == 0) {
      index = add(shown_path(strings_[id]), {});
    } else {
      std::string full = bounded(strings_[id]);
      std::string shown = readable_name(full, kWidestName);
      if (shown == full) full.clear();
      index = add(std::move(shown), std::move(full));
    }
    return index;
  }
  [[nodiscard]] std::string shown_path(std::string_view path) const {
    return bounded(without_prefix(path, prefixes_));
  }
  std::int64_t add(std::string shown, std::string full) {
    names_.push_back({std::move(shown), std::move(full)});
    return static_cast<std::int64_t>(names_.size() - 1);
  }

  const StringTable& strings_;
  const std::vector<std::string>& prefixes_;
  std::array<IdVector<StringId, std::int64_t>, 2> ids_;
  std::unordered_map<std::string, std::int64_t> others_;
  std::vector<Name> names_;
};

template <class Items, class Value>
void write_column(JsonWriter& json, std::string_view name, const Items& items, const Value& value) {
  json.key(name);
  json.begin_array();
  for (const auto& item : items) json.value(value(item));
  json.end_array();
}

class PageDataWriter {
 public:
  PageDataWriter(const PageInput& input, Sink& sink)
      : input_(input),
        page_(input.snapshots, input.selection, input.limits),
        names_(page_.tables(), input.strip_prefixes),
        json_(sink) {}

  void write() {
    json_.begin_object();
    json_.member("generator", input_.generator);
    json_.member("metric", name_of(input_.selection.metric));
    json_.member("group_by", name_of(input_.selection.group_by));
    heading();
    write_column(json_, "warnings", input_.warnings,
                 [](const std::string& warning) { return bounded(warning); });
    json_.key("sides");
    json_.begin_array();
    for (std::size_t i = 0; i < input_.snapshots.size(); ++i) side(i);
    json_.end_array();
    frames();
    nodes();
    rows();
    merged();
    if (input_.series != nullptr) {
      json_.key("series");
      write_series(*input_.series, input_.strip_prefixes, json_);
    }
    names_.write(json_);
    json_.end_object();
    json_.finish();
  }

 private:
  [[nodiscard]] static std::string words(const Sentence& sentence) {
    return words_of(sentence, {}, [](std::string_view text) { return bounded(text); });
  }

  void note(const Note& note) {
    if (note.text.empty()) return;
    json_.begin_object();
    json_.member("text", words(note.text));
    json_.member("label", note.label);
    json_.member("is_warning", note.emphasis == Emphasis::warning);
    json_.member("is_headline", note.headline || note.emphasis == Emphasis::strong);
    json_.end_object();
  }

  void heading() {
    json_.key("notes");
    json_.begin_array();
    for (const Note& each : input_.heading->heading) note(each);
    for (const Section& section : input_.heading->sections) {
      for (const Note& each : section.heading) note(each);
      for (const Note& each : section.footer) note(each);
    }
    json_.end_array();
  }

  // What `mtrace info` says of it, and how its memory went.
  void side(std::size_t index) {
    const Snapshot& snapshot = *input_.snapshots[index];
    const std::string& path = input_.paths[index];
    json_.begin_object();
    json_.member("path", path == "-" ? "standard input" : bounded(path));
    json_.member("program", bounded(snapshot.metadata.program));
    json_.member("process", process_of(snapshot.metadata));
    json_.key("facts");
    json_.begin_array();
    SnapshotInfo info;
    info.kind = snapshot.metadata.kind;
    info.metadata = snapshot.metadata;
    info.counts = SnapshotInfo::Counts{};
    const Document listing = lay_out(info, path);
    listing.sections.front().for_each_row([&](Row row) {
      const auto* const name = std::get_if<std::string_view>(&row[0]);
      const auto* const value = std::get_if<const Sentence*>(&row[1]);
      if (name == nullptr || value == nullptr || is_of_content(*name)) return;
      json_.begin_array();
      json_.value(*name);
      json_.value(words(**value));
      json_.end_array();
    });
    json_.end_array();
    json_.key("course");
    write_course(snapshot, json_);
    json_.end_object();
  }

  // What is in the file, and was not counted here.
  static bool is_of_content(std::string_view name) {
    constexpr auto kOfContent = std::to_array<std::string_view>(
        {"rows", "traceback nodes", "frames", "modules", "strings", "domains"});
    return std::ranges::find(kOfContent, name) != kOfContent.end();
  }

  // Equal for snapshots of one process.
  static std::string process_of(const Metadata& metadata) {
    if (!metadata.pid || !metadata.started) return {};
    return fmt::format("{} {}", *metadata.pid, *metadata.started);
  }

  [[nodiscard]] const Frame& frame_of(FrameId id) const {
    static constexpr Frame kMerged;
    return id == PageTables::kMergedFrame ? kMerged : page_.tables().frames[id];
  }

  void frames() {
    const std::vector<FrameId>& ids = page_.frames();
    const auto column = [&](std::string_view name, const auto& value) {
      write_column(json_, name, ids, [&](FrameId id) { return value(frame_of(id)); });
    };
    json_.key("frames");
    json_.begin_object();
    write_column(json_, "file", ids, [&](FrameId id) {
      return id == PageTables::kMergedFrame ? names_.text("<merged>")
                                            : names_.path(frame_of(id).filename);
    });
    column("line", [](const Frame& frame) { return frame.lineno; });
    column("function", [&](const Frame& frame) { return names_.function(frame.function); });
    column("module", [&](const Frame& frame) {
      const bool is_known = frame.module != kNone<ModuleId>;
      return names_.path(is_known ? page_.tables().modules[frame.module].name : kNone<StringId>);
    });
    column("package", [&](const Frame& frame) {
      return names_.text(module_or_package(page_.tables(), frame));
    });
    // Hexadecimal, because an offset may need 64 bits.
    column("offset", [](const Frame& frame) {
      const bool is_known = frame.is_address() || frame.offset != 0;
      return is_known ? fmt::format("{:x}", frame.offset) : std::string();
    });
    flags();
    former_lines();
    json_.end_object();
    source_lines();
  }

  void flags() {
    const IdVector<FrameId, char> is_system = match_system(page_.tables());
    write_column(json_, "flags", page_.frames(), [&](FrameId id) {
      if (id == PageTables::kMergedFrame) return kMergedFrames;
      const Frame& frame = frame_of(id);
      return (is_system[id] != 0 ? kSystemFrame : 0) |
             (frame.kind == FrameKind::inlined ? kInlinedFrame : 0) |
             (frame.is_address() ? kUnresolved : 0);
    });
  }

  // Of lines that were followed to other numbers.
  void former_lines() {
    const Grouping& grouping = page_.builder().grouping();
    IdVector<FrameId, std::uint32_t> former(page_.tables().frames.size(), 0);
    std::vector<FrameView> line;
    for (const NodeId node : ids_of(page_.tables().nodes)) {
      if (node == kRoot || input_.snapshots.size() == 1) continue;
      grouping.traceback(grouping.group_of(node), line);
      former[page_.tables().nodes[node].frame] = line.front().moved_from;
    }
    write_column(json_, "was", page_.frames(),
                 [&](FrameId id) { return id == PageTables::kMergedFrame ? 0U : former[id]; });
  }

  // By frame: only those that there are.
  void source_lines() {
    json_.key("source");
    json_.begin_object();
    if (input_.has_source) {
      // One file after the other, so that each is read once.
      std::vector<std::size_t> order(page_.frames().size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      std::ranges::stable_sort(order, {},
                               [&](std::size_t i) { return frame_of(page_.frames()[i]).filename; });
      SourceLines sources(input_.source_folders);
      for (const std::size_t i : order) {
        const Frame& frame = frame_of(page_.frames()[i]);
        if (frame.filename == kNone<StringId> || frame.lineno == 0) continue;
        const std::string_view text =
            sources.line(page_.tables().strings[frame.filename], frame.lineno);
        if (text.empty()) continue;
        json_.text_key(std::to_string(i));
        json_.value(bounded(text, kLongestSourceLine));
      }
    }
    json_.end_object();
  }

  void nodes() {
    const std::vector<PageTables::Node>& nodes = page_.nodes();
    json_.key("nodes");
    json_.begin_object();
    // How far its caller stands before it: small numbers. The root is not written.
    json_.key("up");
    json_.begin_array();
    for (std::size_t i = 1; i < nodes.size(); ++i) json_.value(i - nodes[i].parent);
    json_.end_array();
    json_.key("frame");
    json_.begin_array();
    for (std::size_t i = 1; i < nodes.size(); ++i) json_.value(nodes[i].frame);
    json_.end_array();
    json_.end_object();
  }

  [[nodiscard]] std::vector<std::size_t> nodes_with_blocks() const {
    std::vector<std::size_t> nodes;
    for (std::size_t node = 0; node < page_.nodes().size(); ++node) {
      for (std::size_t i = 0; i < page_.snapshots(); ++i) {
        if (page_.own(i)[node] == PageTables::Amounts()) continue;
        nodes.push_back(node);
        break;
      }
    }
    return nodes;
  }

  // Of the nodes that have blocks of their own.
  void rows() {
    const std::vector<std::size_t> nodes = nodes_with_blocks();
    json_.key("rows");
    json_.begin_object();
    std::size_t last = 0;
    write_column(json_, "step", nodes,
                 [&](std::size_t node) { return node - std::exchange(last, node); });
    json_.key("amounts");
    json_.begin_array();
    for (std::size_t i = 0; i < page_.snapshots(); ++i) {
      json_.begin_object();
      for (std::size_t m = 0; m < kMetrics.size(); ++m) {
        if (page_.has(kMetrics[m])) amounts(i, m, nodes);
      }
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  void amounts(std::size_t snapshot, std::size_t metric, const std::vector<std::size_t>& nodes) {
    const auto& own = page_.own(snapshot);
    json_.key(name_of(kMetrics[metric]));
    json_.begin_object();
    write_column(json_, "size", nodes, [&](std::size_t node) { return own[node][metric].size; });
    write_column(json_, "count", nodes, [&](std::size_t node) { return own[node][metric].count; });
    if (page_.is_estimate(kMetrics[metric])) {
      const auto& variances = page_.variances(snapshot);
      write_column(json_, "size_variance", nodes,
                   [&](std::size_t node) { return variances[node][metric].size; });
      write_column(json_, "count_variance", nodes,
                   [&](std::size_t node) { return variances[node][metric].count; });
    }
    json_.end_object();
  }

  void merged() {
    const PageTables::Merged& merged = page_.merged();
    json_.key("merged");
    json_.begin_object();
    json_.member("tracebacks", merged.tracebacks);
    json_.member("lines", merged.lines);
    json_.member("size", merged.size);
    json_.end_object();
  }

  const PageInput& input_;
  PageTables page_;
  NameTable names_;
  JsonWriter json_;
};

}  // namespace

void write_page_data(const PageInput& input, Sink& sink) {
  PageDataWriter(input, sink).write();
}

}  // namespace memtrace
