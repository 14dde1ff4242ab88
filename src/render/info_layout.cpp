// What can be told of a snapshot without reading its rows: formats/info.schema.json.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/memory_words.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

struct NamedFact {
  std::string_view name;
  Sentence value;
};

// What is known, for people.
class Listing {
 public:
  void add(std::string_view name, Sentence value) {
    if (!value.empty()) facts_.push_back({name, std::move(value)});
  }
  void add_name(std::string_view name, std::string_view text) {
    if (!text.empty()) add(name, Sentence().name(text));
  }
  void add_size(std::string_view name, const std::optional<std::uint64_t>& size) {
    if (size) add(name, Sentence().exact_bytes(*size));
  }
  void add_time(std::string_view name, const std::optional<std::int64_t>& moment) {
    if (moment) add(name, utc_time(*moment));
  }
  void add_process(const Metadata& metadata);
  void add_tracing(const Metadata& metadata);
  void add_content(const SnapshotInfo& info);
  void add_memory(const Metadata& metadata);
  void add_courses(const SnapshotInfo& info);

  std::vector<NamedFact> take() { return std::move(facts_); }

 private:
  std::vector<NamedFact> facts_;
};

void Listing::add_process(const Metadata& metadata) {
  add_name("program", metadata.program);
  add("command", shell_words(metadata.command));
  if (metadata.pid) add("pid", fmt::format("{}", *metadata.pid));
  add_name("host", metadata.host);
  add_time("started", metadata.started);
  add_time("taken", metadata.created);
  if (metadata.merged > 1) add("merged from", counted(metadata.merged, "", "snapshots"));
  if (metadata.work) add("work", counted(*metadata.work, "unit", "units"));
  for (const auto& [name, value] : metadata.labels) {
    add("label", Sentence().name(name).say("=").name(value));
  }
}

void Listing::add_tracing(const Metadata& metadata) {
  add_size("traced now", metadata.current);
  add_size("traced at peak", metadata.peak);
  add_size("tracer's memory", metadata.tracer_memory);
  if (metadata.traceback_limit) {
    add("traceback limit", counted(*metadata.traceback_limit, "frame", "frames"));
  }
  if (metadata.sampling_rate) {
    add("sampled", Sentence("every ").exact_bytes(*metadata.sampling_rate).say(" on average"));
  }
}

void Listing::add_memory(const Metadata& metadata) {
  const ProcessMemory& memory = metadata.memory;
  add_size("resident", memory.resident);
  add_size("  of no file", memory.anonymous);
  add_size("  of files", memory.file);
  add_size("  shared", memory.shared);
  add_size("  huge pages", memory.huge_pages);
  add_size("resident at peak", memory.resident_peak);
  add_size("in swap", memory.swapped);
  if (memory.held) {
    add("held", Sentence().exact_bytes(*memory.held).say(" by " + allocator_words(memory)));
    add_size("  of it free", memory.free);
  }
  if (memory.cgroup_use) {
    Sentence words;
    words.bytes(*memory.cgroup_use);
    if (memory.cgroup_limit) words.say(" of ").bytes(*memory.cgroup_limit);
    add("control group", std::move(words));
  }
  if (!memory.resident && !memory.held) return;
  add("memory", memory_chain(metadata));
  for (const MemoryGap& gap : gaps_of(metadata)) {
    add("", gap.what);
    if (!gap.advice.empty()) add("", Sentence("  ").join(gap.advice));
  }
}

// Where a course had its highest point, and when.
template <class Point, class Value>
Sentence course_words(const std::vector<Point>& points, const Value& value_of) {
  std::vector<std::int64_t> times, values;
  for (const Point& point : points) {
    const std::optional<std::uint64_t> value = value_of(point);
    if (!value || *value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) continue;
    times.push_back(point.time);
    values.push_back(static_cast<std::int64_t>(*value));
  }
  const std::string bars = marked_course(times, values);
  if (bars.empty()) return {};
  const auto highest = std::max_element(values.begin(), values.end());
  const std::int64_t after = times[static_cast<std::size_t>(highest - values.begin())] - times[0];
  return Sentence(bars + " peak ")
      .size(*highest)
      .say(after > 0 ? ", " + duration(after) + " after the first point" : ", at the first point");
}

void Listing::add_courses(const SnapshotInfo& info) {
  add("traced course", course_words(info.timeline, [](const TimelinePoint& point) {
        return std::optional(point.current);
      }));
  add("resident course",
      course_words(info.memory_timeline, [](const MemoryPoint& point) { return point.resident; }));
  add("held course",
      course_words(info.memory_timeline, [](const MemoryPoint& point) { return point.held; }));
}

void Listing::add_content(const SnapshotInfo& info) {
  for (const Metric metric : kMetrics) {
    const std::optional<Amount>& total = info.totals[static_cast<std::size_t>(metric)];
    if (!total) continue;
    const auto size = static_cast<std::uint64_t>(total->size);
    const auto count = static_cast<std::uint64_t>(total->count);
    add(name_of(metric),
        Sentence().exact_bytes(size).say(
            count == 0 && size > 0 ? "" : " in " + counted(count, "block", "blocks")));
  }
  if (!info.counts) return;
  add("rows", grouped_digits(info.counts->rows));
  add("traceback nodes", grouped_digits(info.counts->nodes));
  add("frames", grouped_digits(info.counts->frames));
  add("modules", grouped_digits(info.counts->modules));
  add("strings", grouped_digits(info.counts->strings));
  add("domains", grouped_digits(info.counts->domains));
}

std::vector<NamedFact> listing_of(const SnapshotInfo& info, std::string_view path) {
  Listing list;
  list.add("file", path == "-" ? Sentence("standard input") : Sentence().name(path));
  list.add("kind", fmt::format("{} snapshot", name_of(info.kind)));
  list.add_name("format", info.format);
  list.add_name("encoding", info.encoding);
  list.add_size("size", info.file_size);
  list.add_process(info.metadata);
  list.add_tracing(info.metadata);
  list.add_memory(info.metadata);
  list.add_courses(info);
  if (info.counts) {
    const Losses& losses = info.metadata.losses;
    list.add("truncated",
             counted(losses.truncated_tracebacks, "block's traceback", "blocks' tracebacks"));
    list.add("not recorded", counted(losses.dropped_blocks, "block", "blocks"));
    list.add("unknown frees", grouped_digits(losses.unknown_frees));
    if (losses.missing_threads > 0) {
      list.add("missing threads", grouped_digits(losses.missing_threads));
    }
  }
  list.add_content(info);
  if (!info.counts) {
    const std::string file = path == "-" ? "" : " " + shell_words(std::array{std::string(path)});
    list.add("totals", fmt::format("not in the header; mtrace top{} counts them", file));
  }
  return list.take();
}

Fact counts_fact(const std::optional<SnapshotInfo::Counts>& counts) {
  if (!counts) return {"counts", nullptr};
  return {"counts", Facts{{"strings", counts->strings},
                          {"modules", counts->modules},
                          {"frames", counts->frames},
                          {"nodes", counts->nodes},
                          {"domains", counts->domains},
                          {"rows", counts->rows}}};
}

Facts info_facts(const SnapshotInfo& info, std::string_view path) {
  Facts totals;
  for (const Metric metric : kMetrics) {
    const std::optional<Amount>& total = info.totals[static_cast<std::size_t>(metric)];
    totals.push_back(total ? Fact(name_of(metric), amount_facts(*total))
                           : Fact(name_of(metric), nullptr));
  }
  // Only a format whose header counts its content also states there what was lost.
  return {{"snapshot", snapshot_facts(info.metadata, path,
                                      info.counts ? HeaderOnly::yes : HeaderOnly::without_losses)},
          {"file",
           Facts{{"format", info.format}, {"encoding", info.encoding}, {"size", info.file_size}}},
          counts_fact(info.counts),
          {"totals", std::move(totals)}};
}

}  // namespace

Document lay_out(const SnapshotInfo& info, std::string_view path) {
  Document document{.schema = "mtrace.info/1", .title = "Snapshot"};
  document.facts = info_facts(info, path);
  Section section;
  section.fields = {{.csv = "name", .place = 1, .emphasis = Emphasis::quiet, .least_width = 16},
                    {.csv = "value", .place = 2}};
  const auto listing = std::make_shared<std::vector<NamedFact>>(listing_of(info, path));
  section.rows = [listing](const PrintRow& print) {
    for (const auto& [name, value] : *listing) print(std::array<Cell, 2>{name, &value});
  };
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace memtrace
