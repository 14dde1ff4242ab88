// Top for people.
#include "render/columns.hpp"
#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/heading.hpp"
#include "render/size_format.hpp"
#include "render/table_lines.hpp"

namespace memtrace {
namespace {

std::vector<Cell> cells_of(const Statistic& statistic, const TopReport& report,
                           const Style& style) {
  const Amount& amount = statistic.amount;
  return {{human_size(amount.size, style), Ink::bold},
          {percent_of(amount.size, report.total.size)},
          {grouped_digits(amount.count)},
          {human_size(rounded_average_of(amount), style)}};
}

void append_heading(TableLines& table, const TopReport& report, std::string_view path,
                    const Style& style) {
  table.line(snapshot_title(report.metadata, path, escaped));
  table.command(report.metadata, "");
  table.line_if(traced_words(report.metadata, style));
  table.line(total_words(report, style), Ink::bold);
  table.lines(loss_lines(report.metadata, style), Ink::yellow);
  table.lines(selection_lines(report, style, escaped), Ink::dim);
  table.line();
}

}  // namespace

void top_as_table(const TopReport& report, std::string_view path, const Style& style, Sink& sink) {
  TableLines table(sink, style);
  append_heading(table, report, path, style);
  table.line_if(nothing_words(report, style));
  NumberColumns columns({"size", "%", "count", "average"});
  for (const Statistic& statistic : report.statistics) {
    columns.measure(cells_of(statistic, report, style));
  }
  if (!report.statistics.empty()) table.titles(columns, "location");
  for (const Statistic& statistic : report.statistics) {
    table.group(columns, cells_of(statistic, report, style), {}, report, statistic.group);
  }
  table.rest(rest_words(report, style), report);
  table.finish();
}

}  // namespace memtrace
