// speedscope's file format (https://www.speedscope.app/file-format-schema.json): one profile for
// each metric, of bytes. A comparison has the metric that was asked for, before and after.
//
// The frames come last, when it is known which are used.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/grouping.hpp"
#include "export/export_format.hpp"
#include "render/json.hpp"

namespace memtrace {
namespace {

using Layout = JsonWriter::Layout;

class SpeedscopeWriter {
 public:
  SpeedscopeWriter(const ExportInput& input, Sink& sink)
      : input_(input),
        tables_(input.rows.tables()),
        json_(sink),
        index_of_(tables_.frames.size(), kUnused) {}

  void write() {
    json_.begin_object(Layout::lines);
    json_.member("$schema", "https://www.speedscope.app/file-format-schema.json");
    json_.member("exporter", input_.exporter);
    json_.member("name", input_.paths.back());
    json_.key("profiles");
    json_.begin_array(Layout::lines);
    std::size_t active = 0;
    if (input_.is_comparison()) {
      profile(input_.metric, 0, "before");
      profile(input_.metric, 1, "after");
      active = 1;
    } else {
      for (const Metric metric : kMetrics) {
        if (!input_.rows.has(metric)) continue;
        if (metric == input_.metric) active = profiles_;
        profile(metric, 0, {});
      }
    }
    json_.end_array();
    json_.member("activeProfileIndex", active);
    frames();
    json_.end_object();
    json_.finish();
  }

 private:
  static constexpr std::uint32_t kUnused = std::numeric_limits<std::uint32_t>::max();

  void profile(Metric metric, std::size_t snapshot, std::string_view which) {
    ++profiles_;
    json_.begin_object(Layout::lines);
    json_.member("type", "sampled");
    json_.member("name", which.empty() ? std::string(name_of(metric))
                                       : fmt::format("{} ({})", name_of(metric), which));
    json_.member("unit", "bytes");
    json_.key("samples");
    json_.begin_array(Layout::lines);
    input_.for_each_row(snapshot, [&](const SelectedRow& row) {
      if (row[metric].size != 0) sample(row.node);
    });
    json_.end_array();
    std::int64_t total = 0;
    json_.key("weights");
    json_.begin_array(Layout::lines);
    input_.for_each_row(snapshot, [&](const SelectedRow& row) {
      if (row[metric].size == 0) return;
      json_.value(row[metric].size);
      total += row[metric].size;
    });
    json_.end_array();
    json_.member("startValue", 0);
    json_.member("endValue", total);
    json_.end_object();
  }

  // Oldest first.
  void sample(NodeId node) {
    path_.clear();
    for (; node != kRoot; node = tables_.nodes[node].parent) {
      path_.push_back(tables_.nodes[node].frame);
    }
    json_.begin_array();
    std::for_each(path_.rbegin(), path_.rend(), [&](FrameId frame) {
      std::uint32_t& index = index_of_[frame];
      if (index == kUnused) {
        index = static_cast<std::uint32_t>(used_.size());
        used_.push_back(frame);
      }
      json_.value(index);
    });
    json_.end_array();
  }

  void frames() {
    json_.key("shared");
    json_.begin_object(Layout::lines);
    json_.key("frames");
    json_.begin_array(Layout::lines);
    for (const FrameId id : used_) {
      const FrameView frame = view_of(tables_, tables_.frames[id]);
      json_.begin_object();
      json_.member("name", frame_name(frame));
      if (frame.filename) json_.member("file", *frame.filename);
      if (frame.lineno != 0) json_.member("line", frame.lineno);
      json_.end_object();
    }
    json_.end_array();
    json_.end_object();
  }

  const ExportInput& input_;
  const Tracebacks& tables_;
  JsonWriter json_;
  IdVector<FrameId, std::uint32_t> index_of_;
  std::vector<FrameId> used_, path_;
  std::size_t profiles_ = 0;
};

}  // namespace

ExportNotes export_speedscope(const ExportInput& input, Sink& sink) {
  SpeedscopeWriter(input, sink).write();
  return {};
}

}  // namespace memtrace
