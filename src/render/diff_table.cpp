// Diff for people.
#include <algorithm>

#include "render/columns.hpp"
#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/layout.hpp"
#include "render/quantity.hpp"
#include "render/table_lines.hpp"

namespace memtrace {
namespace {

Ink ink_of(std::int64_t difference) {
  if (difference == 0) return Ink::none;
  return difference > 0 ? Ink::red : Ink::green;
}

std::vector<Cell> cells_of(const StatisticDiff& statistic, const DiffReport& report,
                           const Style& style) {
  const std::int64_t size_diff = statistic.size_diff();
  std::vector<Cell> cells = {{human_size(size_diff, style, Sign::always), ink_of(size_diff)}};
  if (report.is_estimate()) {
    cells.push_back({error_words(statistic.variance.size, style), Ink::dim});
  }
  cells.push_back({human_size(statistic.after.size, style), Ink::bold});
  cells.push_back({grouped_digits(statistic.count_diff(), Sign::always)});
  cells.push_back({grouped_digits(statistic.after.count)});
  return cells;
}

std::vector<std::string> titles_of(const DiffReport& report) {
  if (report.is_estimate()) return {"size diff", "error", "size", "count diff", "count"};
  return {"size diff", "size", "count diff", "count"};
}

Cell marker_of(const StatisticDiff& statistic) {
  switch (statistic.change()) {
    case Change::added:
      return {"NEW ", Ink::red};
    case Change::removed:
      return {"GONE", Ink::green};
    default:
      return {"    "};
  }
}

bool is_marked(const StatisticDiff& statistic) {
  const Change change = statistic.change();
  return change == Change::added || change == Change::removed;
}

void append_snapshot(TableLines& table, std::string_view label, const Metadata& metadata,
                     std::string_view path, const Style& style) {
  const std::string indent(label.size(), ' ');
  table.line(std::string(label) + snapshot_title(metadata, path, escaped));
  table.command(metadata, indent);
  const std::string traced = traced_words(metadata, style);
  if (!traced.empty()) table.line(indent + traced);
  for (const std::string& loss : loss_lines(metadata, style)) {
    table.line(indent + loss, Ink::yellow);
  }
}

void append_groups(TableLines& table, const DiffReport& report, const Style& style) {
  if (report.statistics.empty()) return;
  NumberColumns columns(titles_of(report));
  for (const StatisticDiff& statistic : report.statistics) {
    columns.measure(cells_of(statistic, report, style));
  }
  const bool marked = std::any_of(report.statistics.begin(), report.statistics.end(), is_marked);
  table.titles(columns, marked ? "      location" : "location");
  for (const StatisticDiff& statistic : report.statistics) {
    table.group(columns, cells_of(statistic, report, style), marked ? marker_of(statistic) : Cell(),
                report, statistic.group);
  }
}

}  // namespace

void diff_as_table(const DiffReport& report, std::string_view before_path,
                   std::string_view after_path, const Style& style, Sink& sink) {
  TableLines table(sink, style);
  append_snapshot(table, "before  ", report.metadata_before, before_path, style);
  append_snapshot(table, "after   ", report.metadata_after, after_path, style);
  table.line(total_words(report), Ink::bold);
  table.lines(selection_lines(report, "changes", style, escaped), Ink::dim);
  table.line();
  table.line_if(nothing_words(report, style));
  append_groups(table, report, style);
  table.rest(rest_words(report, style), report);
  if (report.groups() > 0) {
    table.line();
    table.line(change_words(report.changes));
    table.line(total_change_words(report, style));
  }
  table.finish();
}

}  // namespace memtrace
