// CSV as RFC 4180 has it: lines end in CR LF, a field is quoted where it must be, a quote in it is
// doubled. Fields are raw text (only a terminal gets them escaped), so that a program sees the
// names as the snapshot has them.
//
//   by lineno, filename, function, module
//                  rank,size,count,average,filename,lineno,function,module
//   by traceback   rank,size,count,average,traceback
//   by domain      rank,size,count,average,domain,domain_name
//   diff           rank,size,size_diff,count,count_diff,average and then the same
//
// Estimates from samples have two more columns at the end: size_error,count_error (one standard
// error of size and count, or of their differences).
//
// What is unknown is an empty field. A frame that is not resolved has MODULE+0xOFFSET for a file
// name. A traceback is FILE:LINE joined by ";", oldest first.
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "render/escape.hpp"
#include "render/formats.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/sink_buffer.hpp"

namespace memtrace {
namespace {

class CsvWriter {
 public:
  CsvWriter(Sink& sink, const Style& style) : buffer_(sink), style_(style) {}

  void field(std::string_view text) {
    separate();
    std::string& out = buffer_.text();
    const std::string harmless = style_.terminal ? escaped(text) : std::string(text);
    if (harmless.find_first_of(",\"\r\n") == std::string::npos) {
      out += harmless;
      return;
    }
    out += '"';
    for (const char c : harmless) {
      if (c == '"') out += '"';
      out += c;
    }
    out += '"';
  }

  template <class T>
  void number(T value) {
    separate();
    fmt::format_to(std::back_inserter(buffer_.text()), "{}", value);
  }

  void line(std::string_view text) {
    buffer_.text() += text;
    end_line();
  }

  void end_line() {
    buffer_.text() += "\r\n";
    first_ = true;
    buffer_.line_done();
  }

  void flush() { buffer_.flush(); }

 private:
  void separate() {
    if (!first_) buffer_.text() += ',';
    first_ = false;
  }

  SinkBuffer buffer_;
  const Style& style_;
  bool first_ = true;
};

std::string_view group_columns(GroupBy group_by) {
  switch (group_by) {
    case GroupBy::traceback:
      return "traceback";
    case GroupBy::domain:
      return "domain,domain_name";
    default:
      return "filename,lineno,function,module";
  }
}

std::string joined(const std::vector<FrameView>& frames, const Style& style) {
  std::string out;
  for (const FrameView& frame : frames) {
    if (!out.empty()) out += ';';
    out += tracemalloc_name(frame, GroupBy::traceback, style);
  }
  return out;
}

void write_frame(CsvWriter& csv, const FrameView& frame, const Style& style) {
  const auto shortened = [&](const std::optional<std::string_view>& name) {
    return without_prefix(name.value_or(""), style.strip_prefixes);
  };
  if (frame.offset) {
    csv.field(tracemalloc_name(frame, GroupBy::lineno, style));
  } else {
    csv.field(shortened(frame.filename));
  }
  if (frame.filename) {
    csv.number(frame.lineno);
  } else {
    csv.field("");
  }
  csv.field(frame.function.value_or(""));
  csv.field(shortened(frame.module));
}

std::string_view error_columns(const Report& report) {
  return report.is_estimate() ? ",size_error,count_error" : "";
}

void write_errors(CsvWriter& csv, const Report& report, const Variance& variance) {
  if (!report.is_estimate()) return;
  csv.number(std::sqrt(variance.size));
  csv.number(std::sqrt(variance.count));
}

void write_group(CsvWriter& csv, const Report& report, GroupId group, const Style& style,
                 std::vector<FrameView>& frames) {
  const GroupBy group_by = report.selection().group_by;
  if (group_by == GroupBy::domain) {
    csv.number(report.domain(group).number);
    csv.field(report.domain(group).name);
    return;
  }
  report.traceback(group, frames);
  if (group_by == GroupBy::traceback) {
    csv.field(joined(frames, style));
  } else {
    write_frame(csv, frames.empty() ? FrameView() : frames.front(), style);
  }
}

}  // namespace

void top_as_csv(const TopReport& report, std::string_view, const Style& style, Sink& sink) {
  CsvWriter csv(sink, style);
  std::vector<FrameView> frames;
  csv.line(fmt::format("rank,size,count,average,{}{}", group_columns(report.selection().group_by),
                       error_columns(report)));
  std::uint64_t rank = 0;
  for (const Statistic& statistic : report.statistics) {
    csv.number(++rank);
    csv.number(statistic.amount.size);
    csv.number(statistic.amount.count);
    csv.number(average_of(statistic.amount));
    write_group(csv, report, statistic.group, style, frames);
    write_errors(csv, report, statistic.variance);
    csv.end_line();
  }
  csv.flush();
}

void diff_as_csv(const DiffReport& report, std::string_view, std::string_view, const Style& style,
                 Sink& sink) {
  CsvWriter csv(sink, style);
  std::vector<FrameView> frames;
  csv.line(fmt::format("rank,size,size_diff,count,count_diff,average,{}{}",
                       group_columns(report.selection().group_by), error_columns(report)));
  std::uint64_t rank = 0;
  for (const StatisticDiff& statistic : report.statistics) {
    csv.number(++rank);
    csv.number(statistic.after.size);
    csv.number(statistic.size_diff());
    csv.number(statistic.after.count);
    csv.number(statistic.count_diff());
    csv.number(average_of(statistic.after));
    write_group(csv, report, statistic.group, style, frames);
    write_errors(csv, report, statistic.variance);
    csv.end_line();
  }
  csv.flush();
}

}  // namespace memtrace
