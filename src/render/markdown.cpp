// Top and diff for a pull request's comment (GitHub's Markdown).
//
// Everything that a snapshot brings is shown as code and cannot be markup. Source lines are left
// out: a comment is public, and a snapshot from elsewhere chooses the files' names.
#include <fmt/format.h>

#include <algorithm>

#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/layout.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/readable_name.hpp"
#include "render/sink_buffer.hpp"

namespace memtrace {
namespace {

class MarkdownLines {
 public:
  explicit MarkdownLines(Sink& sink) : buffer_(sink) {}

  void line(std::string_view text = {}) {
    buffer_.text() += text;
    buffer_.text() += '\n';
    buffer_.line_done();
  }
  void paragraph(std::string_view text) {
    if (text.empty()) return;
    line(text);
    line();
  }
  void list(const std::vector<std::string>& items) {
    for (const std::string& item : items) line("- " + item);
    if (!items.empty()) line();
  }
  void finish() { buffer_.flush(); }

 private:
  SinkBuffer buffer_;
};

std::string code_of(const Location& location, Quote quote, const Style& style) {
  std::string out = quote(location.path + location.position);
  if (!location.function.empty()) {
    out += " in " + quote(style.full_names ? location.function
                                           : readable_name(location.function, kWidestName));
  }
  if (location.inlined) out += " (inlined)";
  return out;
}

std::string marker_of(const StatisticDiff& statistic) {
  switch (statistic.change()) {
    case Change::added:
      return "**new** ";
    case Change::removed:
      return "**gone** ";
    default:
      return "";
  }
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  to.insert(to.end(), more.begin(), more.end());
}

// A group with its frames, folded away until somebody clicks. `summary` is HTML.
void append_folded(MarkdownLines& out, const std::string& summary, std::vector<FrameView>& frames,
                   const Style& style) {
  if (style.most_recent_first) std::reverse(frames.begin(), frames.end());
  out.line("<details>");
  out.line("<summary>" + summary + "</summary>");
  out.line();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Location location = location_of(frames[i], GroupBy::traceback, style);
    out.line(fmt::format("{}. {}", i + 1, code_of(location, markdown_code, style)));
  }
  out.line();
  out.line("</details>");
}

void append_tracebacks(MarkdownLines& out, const TopReport& report, const Style& style) {
  std::vector<FrameView> frames;
  for (const Statistic& statistic : report.statistics) {
    const Amount& amount = statistic.amount;
    const Location location = location_of(report, statistic.group, style, frames);
    const std::string summary =
        fmt::format("<b>{}</b> ({}) in {}: {}", human_size(amount.size, style),
                    percent_of(amount.size, report.total.size),
                    counted(static_cast<std::uint64_t>(amount.count), "block", "blocks"),
                    code_of(location, html_code, style));
    append_folded(out, summary, frames, style);
  }
}

void append_tracebacks(MarkdownLines& out, const DiffReport& report, const Style& style) {
  std::vector<FrameView> frames;
  for (const StatisticDiff& statistic : report.statistics) {
    const Location location = location_of(report, statistic.group, style, frames);
    std::string marker;
    if (statistic.change() == Change::added) marker = "<b>new</b> ";
    if (statistic.change() == Change::removed) marker = "<b>gone</b> ";
    const std::string summary = fmt::format(
        "<b>{}</b> to {}, {} to {}: {}{}", human_size(statistic.size_diff(), style, Sign::always),
        human_size(statistic.after.size, style),
        grouped_digits(statistic.count_diff(), Sign::always),
        counted(static_cast<std::uint64_t>(statistic.after.count), "block", "blocks"), marker,
        code_of(location, html_code, style));
    append_folded(out, summary, frames, style);
  }
}

// Behind a size that was estimated; empty otherwise.
std::string error_of(const Report& report, const Variance& variance, const Style& style) {
  return report.is_estimate() ? " " + error_words(variance.size, style) : "";
}

void append_table(MarkdownLines& out, const TopReport& report, const Style& style) {
  out.line("| Size | % | Count | Average | Location |");
  out.line("| ---: | ---: | ---: | ---: | :--- |");
  std::vector<FrameView> frames;
  for (const Statistic& statistic : report.statistics) {
    const Amount& amount = statistic.amount;
    const Location location = location_of(report, statistic.group, style, frames);
    out.line(fmt::format("| {}{} | {} | {} | {} | {} |", human_size(amount.size, style),
                         error_of(report, statistic.variance, style),
                         percent_of(amount.size, report.total.size), grouped_digits(amount.count),
                         human_size(rounded_average_of(amount), style),
                         code_of(location, markdown_code, style)));
  }
}

void append_table(MarkdownLines& out, const DiffReport& report, const Style& style) {
  out.line("| Size diff | Size | Count diff | Count | Location |");
  out.line("| ---: | ---: | ---: | ---: | :--- |");
  std::vector<FrameView> frames;
  for (const StatisticDiff& statistic : report.statistics) {
    const Location location = location_of(report, statistic.group, style, frames);
    out.line(fmt::format(
        "| {}{} | {} | {} | {} | {}{} |", human_size(statistic.size_diff(), style, Sign::always),
        error_of(report, statistic.variance, style), human_size(statistic.after.size, style),
        grouped_digits(statistic.count_diff(), Sign::always), grouped_digits(statistic.after.count),
        marker_of(statistic), code_of(location, markdown_code, style)));
  }
}

template <class AnyReport>
void append_groups(MarkdownLines& out, const AnyReport& report, const Style& style) {
  out.paragraph(nothing_words(report, style));
  if (report.statistics.empty()) return;
  if (report.selection().group_by == GroupBy::traceback) {
    append_tracebacks(out, report, style);
  } else {
    append_table(out, report, style);
  }
  out.line();
}

}  // namespace

void top_as_markdown(const TopReport& report, std::string_view path, const Style& style,
                     Sink& sink) {
  MarkdownLines out(sink);
  out.paragraph("### Memory");
  out.paragraph("**" + total_words(report, style) + "**");
  std::vector<std::string> notes = {snapshot_title(report.metadata, path, markdown_code)};
  const std::string traced = traced_words(report.metadata, style);
  if (!traced.empty()) notes.push_back(traced);
  append(notes, loss_lines(report.metadata, style));
  append(notes, selection_lines(report, "groups", style, markdown_code));
  out.list(notes);
  append_groups(out, report, style);
  out.paragraph(rest_words(report, style));
  out.finish();
}

void diff_as_markdown(const DiffReport& report, std::string_view before_path,
                      std::string_view after_path, const Style& style, Sink& sink) {
  MarkdownLines out(sink);
  out.paragraph("### Memory: what changed");
  if (report.groups() > 0) out.paragraph("**" + total_change_words(report, style) + "**");
  std::vector<std::string> notes = {
      "before: " + snapshot_title(report.metadata_before, before_path, markdown_code)};
  append(notes, loss_lines(report.metadata_before, style));
  notes.push_back("after: " + snapshot_title(report.metadata_after, after_path, markdown_code));
  append(notes, loss_lines(report.metadata_after, style));
  notes.push_back(total_words(report));
  append(notes, selection_lines(report, "changes", style, markdown_code));
  out.list(notes);
  append_groups(out, report, style);
  out.paragraph(rest_words(report, style));
  if (report.groups() > 0) out.line(change_words(report.changes));
  out.finish();
}

}  // namespace memtrace
