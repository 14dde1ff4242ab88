// Top and diff as JSON: formats/top.schema.json and formats/diff.schema.json.
#include <cmath>

#include "render/filters.hpp"
#include "render/formats.hpp"
#include "render/json.hpp"
#include "render/json_snapshot.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

using Layout = JsonWriter::Layout;

std::string_view name_of(Change change) {
  switch (change) {
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::grown:
      return "grown";
    case Change::shrunk:
      return "shrunk";
    case Change::unchanged:
      break;
  }
  return "unchanged";
}

void write_frame(JsonWriter& json, const FrameView& frame) {
  json.begin_object();
  json.member("filename", frame.filename);
  json.key("lineno");
  // A line is a line of a file.
  if (frame.filename) {
    json.value(frame.lineno);
  } else {
    json.value(nullptr);
  }
  json.member("function", frame.function);
  json.member("module", frame.module);
  if (frame.offset) json.member("offset", *frame.offset);
  if (frame.inlined) json.member("inlined", true);
  json.end_object();
}

void write_group(JsonWriter& json, const Report& report, GroupId group,
                 std::vector<FrameView>& frames) {
  frames.clear();
  if (report.selection().group_by == GroupBy::domain) {
    const Domain& domain = report.domain(group);
    json.member("domain", domain.number);
    json.member("domain_name", domain.name.empty() ? std::nullopt : std::optional(domain.name));
  } else {
    report.traceback(group, frames);
  }
  json.key("traceback");
  json.begin_array();
  for (const FrameView& frame : frames) write_frame(json, frame);
  json.end_array();
}

void write_settings(JsonWriter& json, const Report& report) {
  const Selection& selection = report.selection();
  json.member("group_by", name_of(selection.group_by));
  json.member("cumulative", selection.cumulative);
  json.member("metric", name_of(selection.metric));
  json.key("filters");
  json.begin_array();
  for (const std::string& filter : filters_of(selection)) json.value(filter);
  json.end_array();
  json.member("min_size", report.ranking().min_size);
  json.key("hidden");
  json.begin_object();
  json.member("frames", report.hidden_frames());
  json.member("machinery_frames", report.machinery_frames());
  json.end_object();
}

void write_diff_members(JsonWriter& json, const Amount& before, const Amount& after) {
  json.member("size", after.size);
  json.member("size_diff", after.size - before.size);
  json.member("count", after.count);
  json.member("count_diff", after.count - before.count);
}

void write_rest(JsonWriter& json, const TopReport& report) {
  json.begin_object();
  json.member("groups", report.rest_groups);
  // Groups that overlap do not add up.
  const bool known = !report.selection().cumulative;
  json.member("size", known ? std::optional(report.rest.size) : std::nullopt);
  json.member("count", known ? std::optional(report.rest.count) : std::nullopt);
  json.end_object();
}

void write_rest(JsonWriter& json, const DiffReport& report) {
  json.begin_object();
  json.member("groups", report.rest_groups);
  if (report.selection().cumulative) {
    for (const char* name : {"size", "size_diff", "count", "count_diff"}) {
      json.member(name, nullptr);
    }
  } else {
    write_diff_members(json, report.rest_before, report.rest_after);
  }
  json.end_object();
}

void write_changes(JsonWriter& json, const ChangeCounts& changes) {
  json.begin_object();
  json.member("added", changes.added);
  json.member("removed", changes.removed);
  json.member("grown", changes.grown);
  json.member("shrunk", changes.shrunk);
  json.member("unchanged", changes.unchanged);
  json.end_object();
}

// Only where sampling made the amounts estimates.
void write_standard_error(JsonWriter& json, const Report& report, const Variance& variance) {
  if (!report.is_estimate()) return;
  json.key("standard_error");
  json.begin_object();
  json.member("size", std::sqrt(variance.size));
  json.member("count", std::sqrt(variance.count));
  json.end_object();
}

void write_statistics(JsonWriter& json, const TopReport& report) {
  std::vector<FrameView> frames;
  std::uint64_t rank = 0;
  json.begin_array(Layout::lines);
  for (const Statistic& statistic : report.statistics) {
    json.begin_object();
    json.member("rank", ++rank);
    json.member("size", statistic.amount.size);
    json.member("count", statistic.amount.count);
    json.member("average", average_of(statistic.amount));
    write_standard_error(json, report, statistic.variance);
    write_group(json, report, statistic.group, frames);
    json.end_object();
  }
  json.end_array();
}

void write_statistics(JsonWriter& json, const DiffReport& report) {
  std::vector<FrameView> frames;
  std::uint64_t rank = 0;
  json.begin_array(Layout::lines);
  for (const StatisticDiff& statistic : report.statistics) {
    json.begin_object();
    json.member("rank", ++rank);
    json.member("change", name_of(statistic.change()));
    write_diff_members(json, statistic.before, statistic.after);
    json.member("average", average_of(statistic.after));
    write_standard_error(json, report, statistic.variance);
    write_group(json, report, statistic.group, frames);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

void top_as_json(const TopReport& report, std::string_view path, const Style&, Sink& sink) {
  JsonWriter json(sink);
  json.begin_object(Layout::lines);
  json.member("schema", "mtrace.top/1");
  json.key("snapshot");
  write_snapshot_object(json, report.metadata, path);
  write_settings(json, report);
  json.key("total");
  json.begin_object();
  json.member("size", report.total.size);
  json.member("count", report.total.count);
  write_standard_error(json, report, report.total_variance);
  json.end_object();
  json.member("groups", report.groups());
  json.key("statistics");
  write_statistics(json, report);
  json.key("rest");
  write_rest(json, report);
  json.end_object();
  json.finish();
}

void diff_as_json(const DiffReport& report, std::string_view before_path,
                  std::string_view after_path, const Style&, Sink& sink) {
  JsonWriter json(sink);
  json.begin_object(Layout::lines);
  json.member("schema", "mtrace.diff/1");
  json.key("before");
  write_snapshot_object(json, report.metadata_before, before_path);
  json.key("after");
  write_snapshot_object(json, report.metadata_after, after_path);
  write_settings(json, report);
  json.key("total");
  json.begin_object();
  write_diff_members(json, report.total_before, report.total_after);
  write_standard_error(json, report, report.total_variance);
  json.end_object();
  json.member("groups", report.groups());
  json.key("changes");
  write_changes(json, report.changes);
  json.key("statistics");
  write_statistics(json, report);
  json.key("rest");
  write_rest(json, report);
  json.end_object();
  json.finish();
}

}  // namespace memtrace
