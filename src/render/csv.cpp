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
// Where a line of a diff or trend moved, there is one more column: moved_from, the line before;
// of a traceback, one a frame, joined by ";". Empty: it did not move.
//
// Estimates from samples have two more columns at the end: size_error,count_error (one standard
// error of size and count, or of their differences).
//
// What is unknown is an empty field. A frame that is not resolved has MODULE+0xOFFSET for a file
// name. A traceback is FILE:LINE joined by ";", oldest first. Sections are divided by an empty
// line.
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

class CsvWriter {
 public:
  CsvWriter(Sink& sink, const Style& style) : buffer_(sink), style_(style) {}

  void section(const Section& section) {
    const std::vector<std::size_t> columns = columns_of(section);
    if (columns.empty()) return;
    if (!is_first_section_) end_line();
    is_first_section_ = false;
    for (const std::size_t column : columns) titles(section.fields[column]);
    end_line();
    section.for_each_row([&](Row cells) {
      for (const std::size_t column : columns) value(cells[column], section.fields[column]);
      end_line();
    });
  }

  void finish() { buffer_.flush(); }

 private:
  // Errors come last, so that the others stay where they are without them.
  static std::vector<std::size_t> columns_of(const Section& section) {
    std::vector<std::size_t> columns;
    for (const bool errors : {false, true}) {
      for (std::size_t i = 0; i < section.fields.size(); ++i) {
        const Field& field = section.fields[i];
        const bool is_error = field.role == Role::standard_error;
        if (!field.csv.empty() && is_error == errors) columns.push_back(i);
      }
    }
    return columns;
  }

  void titles(const Field& field) {
    if (field.role == Role::standard_error) return text(fmt::format("{}_error", field.csv));
    if (field.unit != Unit::location || field.role == Role::former) return text(field.csv);
    switch (field.group_by) {
      case GroupBy::traceback:
        return text(field.csv);
      case GroupBy::domain:
        return raw("domain,domain_name");
      default:
        return raw("filename,lineno,function,module");
    }
  }

  void value(const Cell& cell, const Field& field) {
    if (const auto* const integer = std::get_if<std::int64_t>(&cell)) return number(*integer);
    if (const auto* const real = std::get_if<double>(&cell)) return number(*real);
    if (const auto* const amount = std::get_if<Amount>(&cell)) return number(average_of(*amount));
    if (const auto* const place = std::get_if<Place>(&cell)) {
      return field.role == Role::former ? former_lines(*place) : group(*place, field.group_by);
    }
    if (const auto* const words = std::get_if<std::string_view>(&cell)) return text(*words);
    if (const auto* const mark = std::get_if<Mark>(&cell)) return text(mark->name);
    if (const auto* const course = std::get_if<Course>(&cell)) {
      return text(fmt::format("{}", fmt::join(*course, ";")));
    }
    const auto as_it_is = [](std::string_view name) { return std::string(name); };
    text(words_of(cell, field, style_, as_it_is));
  }

  void group(const Place& place, GroupBy group_by) {
    const Report& report = *place.report;
    if (group_by == GroupBy::domain) {
      number(report.domain(place.group).number);
      text(report.domain(place.group).name);
      return;
    }
    report.traceback(place.group, frames_);
    if (group_by == GroupBy::traceback) {
      text(joined_frames());
    } else {
      frame(frames_.empty() ? FrameView() : frames_.front());
    }
  }

  // One a frame, joined by ";".
  void former_lines(const Place& place) {
    place.report->traceback(place.group, frames_);
    std::string lines;
    for (const FrameView& frame : frames_) {
      if (&frame != &frames_.front()) lines += ';';
      if (frame.moved_from != 0) lines += fmt::format("{}", frame.moved_from);
    }
    text(lines);
  }

  const std::string& joined_frames() {
    joined_.clear();
    for (const FrameView& frame : frames_) {
      if (!joined_.empty()) joined_ += ';';
      joined_ += tracemalloc_name(frame, GroupBy::traceback, style_);
    }
    return joined_;
  }

  void frame(const FrameView& frame) {
    const auto shortened = [&](const std::optional<std::string_view>& name) {
      return without_prefix(name.value_or(""), style_.strip_prefixes);
    };
    if (frame.offset) {
      text(tracemalloc_name(frame, GroupBy::lineno, style_));
    } else {
      text(shortened(frame.filename));
    }
    if (frame.filename) {
      number(frame.lineno);
    } else {
      text("");
    }
    text(frame.function.value_or(""));
    text(shortened(frame.module));
  }

  void text(std::string_view text) {
    if (style_.terminal) return quoted(escaped(text));
    quoted(text);
  }

  void quoted(std::string_view text) {
    separate();
    append_csv_field(buffer_.text(), text);
  }

  template <class T>
  void number(T value) {
    separate();
    fmt::format_to(std::back_inserter(buffer_.text()), "{}", value);
  }

  void raw(std::string_view text) {
    separate();
    buffer_.text() += text;
  }

  void end_line() {
    buffer_.text() += "\r\n";
    is_first_ = true;
    buffer_.line_done();
  }

  void separate() {
    if (!is_first_) buffer_.text() += ',';
    is_first_ = false;
  }

  SinkBuffer buffer_;
  const Style& style_;
  std::vector<FrameView> frames_;
  std::string joined_;
  bool is_first_ = true;  // in its line
  bool is_first_section_ = true;
};

}  // namespace

void print_csv(const Document& document, const Style& style, Sink& sink) {
  CsvWriter csv(sink, style);
  for (const Section& section : document.sections) csv.section(section);
  csv.finish();
}

}  // namespace memtrace
