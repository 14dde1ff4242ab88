// Valgrind's DHAT files, version 2, as dh_view.html and Firefox Profiler read them.
//
// DHAT knows of every program point what was allocated, what was alive at the peak and in the end,
// its own maximum, and how long its blocks lived. A snapshot with all three metrics has the first
// three. A point's own maximum is at least what it had at the peak and in the end, and that is what
// is written for it; lifetimes are left out, and the mode, which viewers show, says both. Any other
// snapshot becomes a profile of one metric, without lifetimes.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/grouping.hpp"
#include "export/export_format.hpp"
#include "render/escape.hpp"
#include "render/json.hpp"

namespace memtrace {
namespace {

using Layout = JsonWriter::Layout;

constexpr std::int64_t kNanosecondsPerMicrosecond = 1000;

// "parse (app.c:12)", "in" before what is no source file, as Valgrind writes frames.
std::string frame_text(const FrameView& frame) {
  const std::string name = frame_name(frame);
  if (!frame.function) return name;
  if (frame.filename) {
    FrameView place = frame;
    place.function.reset();
    return fmt::format("{} ({})", name, frame_name(place));
  }
  if (!frame.module) return name;
  return fmt::format("{} (in {})", name, escaped(*frame.module));
}

class DhatWriter {
 public:
  DhatWriter(const ExportInput& input, Sink& sink)
      : input_(input),
        snapshot_(input.rows.snapshot(0)),
        tables_(input.rows.tables()),
        json_(sink),
        index_of_(tables_.frames.size(), 0),
        has_all_(
            std::ranges::all_of(kMetrics, [&](Metric metric) { return input.rows.has(metric); })) {}

  void write() {
    json_.begin_object(Layout::lines);
    json_.member("dhatFileVersion", 2);
    json_.member("mode", mode());
    json_.member("verb",
                 has_all_ || input_.metric != Metric::live ? "Allocated" : "Alive, allocated");
    json_.member("bklt", has_all_);
    json_.member("bkacc", false);
    json_.member("tu", "µs");
    json_.member("Mtu", "s");
    if (has_all_) json_.member("tuth", 0);
    json_.member("cmd", command_of(snapshot_.metadata));
    json_.member("pid", snapshot_.metadata.pid.value_or(0));
    times();
    points();
    frames();
    json_.end_object();
    json_.finish();
  }

 private:
  [[nodiscard]] std::string mode() const {
    if (!has_all_) return fmt::format("mtrace, {} blocks only", name_of(input_.metric));
    return "mtrace, which does not know lifetimes, nor a point's own maximum: it is at least what "
           "is shown";
  }

  // Since the start, or since the first point of the timeline.
  void times() {
    const Metadata& metadata = snapshot_.metadata;
    const auto highest = std::ranges::max_element(snapshot_.timeline, {}, &TimelinePoint::current);
    const bool has_timeline = highest != snapshot_.timeline.end();
    std::optional<std::int64_t> start = metadata.started, end = metadata.created;
    if (!start && has_timeline) start = snapshot_.timeline.front().time;
    if (!end && has_timeline) end = snapshot_.timeline.back().time;
    const auto since_start = [&](std::int64_t time) -> std::int64_t {
      std::int64_t elapsed = 0;
      if (!start || __builtin_sub_overflow(time, *start, &elapsed)) return 0;
      return std::max<std::int64_t>(elapsed, 0) / kNanosecondsPerMicrosecond;
    };
    json_.member("te", end ? since_start(*end) : 0);
    if (has_all_) json_.member("tg", has_timeline ? since_start(highest->time) : 0);
  }

  // A traceback must come once only: dh_view refuses it otherwise.
  void points() {
    json_.key("pps");
    json_.begin_array(Layout::lines);
    SelectedRow sum;
    input_.for_each_row(0, [&](const SelectedRow& row) {
      if (row.node != sum.node) {
        point(sum);
        sum = row;
        return;
      }
      for (const Metric metric : kMetrics) {
        sum[metric].size += row[metric].size;
        sum[metric].count += row[metric].count;
      }
    });
    point(sum);
    json_.end_array();
  }

  void amount(const char* size, const char* count, const Amount& amount) {
    json_.member(size, amount.size);
    json_.member(count, amount.count);
  }

  void point(const SelectedRow& row) {
    if (row.node == kRoot) return;
    if (!has_all_ && row[input_.metric] == Amount()) return;
    const Amount &peak = row[Metric::peak], &live = row[Metric::live];
    json_.begin_object();
    amount("tb", "tbk", row[has_all_ ? Metric::total : input_.metric]);
    if (has_all_) {
      amount("mb", "mbk", {std::max(peak.size, live.size), std::max(peak.count, live.count)});
      amount("gb", "gbk", peak);
      amount("eb", "ebk", live);
    } else if (input_.metric == Metric::live) {
      amount("eb", "ebk", live);  // what Firefox Profiler calls "Bytes at End"
    }
    json_.key("fs");
    json_.begin_array();
    for (NodeId node = row.node; node != kRoot; node = tables_.nodes[node].parent) {
      std::uint32_t& index = index_of_[tables_.nodes[node].frame];
      if (index == 0) {
        used_.push_back(tables_.nodes[node].frame);
        index = static_cast<std::uint32_t>(used_.size());  // 0 is the root's
      }
      json_.value(index);
    }
    json_.end_array();
    json_.end_object();
  }

  void frames() {
    json_.key("ftbl");
    json_.begin_array(Layout::lines);
    json_.value("[root]");
    for (const FrameId frame : used_) {
      json_.value(frame_text(view_of(tables_, tables_.frames[frame])));
    }
    json_.end_array();
  }

  const ExportInput& input_;
  const Snapshot& snapshot_;
  const Tracebacks& tables_;
  JsonWriter json_;
  IdVector<FrameId, std::uint32_t> index_of_;
  std::vector<FrameId> used_;
  bool has_all_;
};

}  // namespace

ExportNotes export_dhat(const ExportInput& input, Sink& sink) {
  DhatWriter(input, sink).write();
  if (input.rows.has(Metric::total) && input.rows.has(Metric::peak) &&
      input.rows.has(Metric::live)) {
    return {};
  }
  ExportNotes notes;
  for (const Metric metric : kMetrics) {
    if (!input.rows.has(metric)) {
      notes.push_back(note_of_missing(
          metric, fmt::format("only {} blocks are exported", name_of(input.metric))));
      break;
    }
  }
  return notes;
}

}  // namespace memtrace
