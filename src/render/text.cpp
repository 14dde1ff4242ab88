// One line a group: byte for byte what Python prints for tracemalloc's statistics, where Python has
// the group key too.
#include <fmt/format.h>

#include <iterator>

#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/sink_buffer.hpp"

namespace memtrace {
namespace {

// tracemalloc names a traceback by its oldest frame.
std::string name_of_group(const Report& report, GroupId group, const Style& style,
                          std::vector<FrameView>& frames) {
  const GroupBy group_by = report.selection().group_by;
  std::string name;
  if (group_by == GroupBy::domain) {
    name = name_of(report.domain(group));
  } else {
    report.traceback(group, frames);
    name = tracemalloc_name(frames.empty() ? FrameView() : frames.front(), group_by, style);
  }
  return style.terminal ? escaped(name) : name;
}

std::string size_text(std::int64_t size, const Style& style, Sign sign = Sign::negative_only) {
  return style.plain_bytes ? human_size(size, style, sign) + " B" : tracemalloc_size(size, sign);
}

void append_average(std::string& out, Amount amount, const Style& style) {
  if (amount.count == 0) return;
  out += ", average=";
  out += style.plain_bytes ? size_text(rounded_average_of(amount), style)
                           : tracemalloc_size(average_of(amount));
}

}  // namespace

void top_as_text(const TopReport& report, std::string_view, const Style& style, Sink& sink) {
  SinkBuffer buffer(sink);
  std::string& out = buffer.text();
  std::vector<FrameView> frames;
  for (const Statistic& statistic : report.statistics) {
    const Amount& amount = statistic.amount;
    fmt::format_to(std::back_inserter(out), "{}: size={}, count={}",
                   name_of_group(report, statistic.group, style, frames),
                   size_text(amount.size, style), amount.count);
    append_average(out, amount, style);
    out += '\n';
    buffer.line_done();
  }
  buffer.flush();
}

void diff_as_text(const DiffReport& report, std::string_view, std::string_view, const Style& style,
                  Sink& sink) {
  SinkBuffer buffer(sink);
  std::string& out = buffer.text();
  std::vector<FrameView> frames;
  for (const StatisticDiff& statistic : report.statistics) {
    const Amount& amount = statistic.after;
    fmt::format_to(std::back_inserter(out), "{}: size={} ({}), count={} ({:+d})",
                   name_of_group(report, statistic.group, style, frames),
                   size_text(amount.size, style),
                   size_text(statistic.size_diff(), style, Sign::always), amount.count,
                   statistic.count_diff());
    append_average(out, amount, style);
    out += '\n';
    buffer.line_done();
  }
  buffer.flush();
}

}  // namespace memtrace
