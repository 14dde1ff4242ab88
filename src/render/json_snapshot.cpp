#include "render/json_snapshot.hpp"

#include "render/formats.hpp"
#include "render/timestamp.hpp"

namespace memtrace {
namespace {

std::optional<std::string> if_known(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string> time_of(std::optional<std::int64_t> nanoseconds) {
  return nanoseconds ? std::optional(rfc3339(*nanoseconds)) : std::nullopt;
}

void write_command(JsonWriter& json, const std::vector<std::string>& command) {
  json.key("command");
  if (command.empty()) return json.value(nullptr);
  json.begin_array();
  for (const std::string& argument : command) json.value(argument);
  json.end_array();
}

void write_losses(JsonWriter& json, const Losses& losses) {
  json.begin_object();
  json.member("truncated_tracebacks", losses.truncated_tracebacks);
  json.member("dropped_blocks", losses.dropped_blocks);
  json.member("unknown_frees", losses.unknown_frees);
  json.member("missing_threads", losses.missing_threads);
  json.end_object();
}

void write_file(JsonWriter& json, const SnapshotInfo& info) {
  json.begin_object();
  json.member("format", info.format);
  json.member("encoding", info.encoding);
  json.member("size", info.file_size);
  json.end_object();
}

void write_counts(JsonWriter& json, const std::optional<SnapshotInfo::Counts>& counts) {
  if (!counts) return json.value(nullptr);
  json.begin_object();
  json.member("strings", counts->strings);
  json.member("modules", counts->modules);
  json.member("frames", counts->frames);
  json.member("nodes", counts->nodes);
  json.member("domains", counts->domains);
  json.member("rows", counts->rows);
  json.end_object();
}

}  // namespace

void write_snapshot_object(JsonWriter& json, const Metadata& metadata, std::string_view path,
                           bool losses_known) {
  json.begin_object();
  json.member("path", path);
  json.member("kind", name_of(metadata.kind));
  json.member("program", if_known(metadata.program));
  write_command(json, metadata.command);
  json.member("pid", metadata.pid);
  json.member("host", if_known(metadata.host));
  json.member("started", time_of(metadata.started));
  json.member("created", time_of(metadata.created));
  json.member("traceback_limit", metadata.traceback_limit);
  json.member("current", metadata.current);
  json.member("peak", metadata.peak);
  json.member("tracer_memory", metadata.tracer_memory);
  json.member("sampling_rate", metadata.sampling_rate);
  json.member("merged", metadata.merged);
  json.key("losses");
  if (losses_known) {
    write_losses(json, metadata.losses);
  } else {
    json.value(nullptr);
  }
  json.end_object();
}

void write_amount(JsonWriter& json, const Amount& amount) {
  json.begin_object();
  json.member("size", amount.size);
  json.member("count", amount.count);
  json.end_object();
}

void info_as_json(const SnapshotInfo& info, std::string_view path, const Style&, Sink& sink) {
  JsonWriter json(sink);
  json.begin_object(JsonWriter::Layout::lines);
  json.member("schema", "mtrace.info/1");
  json.key("snapshot");
  // Only a format whose header counts its content also states there what was lost.
  write_snapshot_object(json, info.metadata, path, info.counts.has_value());
  json.key("file");
  write_file(json, info);
  json.key("counts");
  write_counts(json, info.counts);
  json.key("totals");
  json.begin_object();
  for (const Metric metric : kMetrics) {
    const std::optional<Amount>& total = info.totals[static_cast<std::size_t>(metric)];
    json.key(name_of(metric));
    if (total) {
      write_amount(json, *total);
    } else {
      json.value(nullptr);
    }
  }
  json.end_object();
  json.end_object();
  json.finish();
}

}  // namespace memtrace
