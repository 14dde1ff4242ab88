// Top for people.
#include "render/columns.hpp"
#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/layout.hpp"
#include "render/quantity.hpp"
#include "render/table_lines.hpp"

namespace memtrace {
namespace {

std::vector<Cell> cells_of(const Statistic& statistic, const TopReport& report,
                           const Style& style) {
  const Amount& amount = statistic.amount;
  std::vector<Cell> cells = {{human_size(amount.size, style), Ink::bold}};
  if (report.is_estimate()) {
    cells.push_back({error_words(statistic.variance.size, style), Ink::dim});
  }
  cells.push_back({percent_of(amount.size, report.total.size)});
  cells.push_back({grouped_digits(amount.count)});
  cells.push_back({human_size(rounded_average_of(amount), style)});
  return cells;
}

std::vector<std::string> titles_of(const TopReport& report) {
  if (report.is_estimate()) return {"size", "error", "%", "count", "average"};
  return {"size", "%", "count", "average"};
}

void append_heading(TableLines& table, const TopReport& report, std::string_view path,
                    const Style& style) {
  table.line(snapshot_title(report.metadata, path, escaped));
  table.command(report.metadata, "");
  table.line_if(traced_words(report.metadata, style));
  table.line(total_words(report, style), Ink::bold);
  table.lines(loss_lines(report.metadata, style), Ink::yellow);
  table.lines(selection_lines(report, "groups", style, escaped), Ink::dim);
  table.line();
}

}  // namespace

void top_as_table(const TopReport& report, std::string_view path, const Style& style, Sink& sink) {
  TableLines table(sink, style);
  append_heading(table, report, path, style);
  table.line_if(nothing_words(report, style));
  NumberColumns columns(titles_of(report));
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
