// One line a row, "NAME: size=…, count=…": byte for byte what Python prints for tracemalloc's
// statistics, where Python has the group key too.
#include <fmt/format.h>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

std::string raw(std::string_view text) {
  return std::string(text);
}

class TextWriter {
 public:
  TextWriter(Sink& sink, const Style& style)
      : buffer_(sink), style_(style), quote_(style.terminal ? escaped : raw) {}

  void row(const Section& section, Row cells) {
    std::string& out = buffer_.text();
    const std::size_t name = naming_field(section);
    out += name_of_row(cells[name], section.fields[name]);
    std::string_view separator = ": ";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Field& field = section.fields[i];
      if (i == name || !is_said(field)) continue;
      const std::string value = value_of(cells[i], field);
      if (value.empty()) continue;
      if (field.role == Role::change) {
        out += " (" + value + ")";
      } else {
        out += separator;
        // A listing's values need no name.
        if (field.unit != Unit::text) (out += field.csv) += '=';
        out += value;
        separator = ", ";
      }
    }
    out += '\n';
    buffer_.line_done();
  }

  void finish() { buffer_.flush(); }

 private:
  // The location, else the first field that is text.
  static std::size_t naming_field(const Section& section) {
    std::size_t text = 0;
    for (std::size_t i = section.fields.size(); i-- > 0;) {
      const bool is_location = section.fields[i].unit == Unit::location;
      if (is_location && section.fields[i].role == Role::value) return i;
      if (section.fields[i].unit == Unit::text && !section.fields[i].csv.empty()) text = i;
    }
    return text;
  }

  static bool is_said(const Field& field) {
    return !field.csv.empty() && field.unit != Unit::rank && field.role != Role::standard_error &&
           field.role != Role::former;
  }

  // tracemalloc names a traceback by its oldest frame.
  std::string name_of_row(const Cell& cell, const Field& field) {
    const auto* const place = std::get_if<Place>(&cell);
    if (place == nullptr) return words_of(cell, field, style_, quote_);
    if (field.group_by == GroupBy::domain) {
      return quote_(name_of(place->report->domain(place->group)));
    }
    place->report->traceback(place->group, frames_);
    return quote_(
        tracemalloc_name(frames_.empty() ? FrameView() : frames_.front(), field.group_by, style_));
  }

  [[nodiscard]] std::string size_text(std::int64_t size, Sign sign) const {
    return style_.plain_bytes ? human_size(size, style_, sign) + " B"
                              : tracemalloc_size(size, sign);
  }

  [[nodiscard]] std::string value_of(const Cell& cell, const Field& field) const {
    const Sign sign = field.role == Role::change ? Sign::always : Sign::negative_only;
    if (const auto* const integer = std::get_if<std::int64_t>(&cell)) {
      if (field.unit == Unit::bytes) return size_text(*integer, sign);
      return sign == Sign::always ? fmt::format("{:+d}", *integer) : fmt::format("{}", *integer);
    }
    if (const auto* const amount = std::get_if<Amount>(&cell)) {
      if (amount->count == 0) return {};
      return style_.plain_bytes ? size_text(rounded_average_of(*amount), sign)
                                : tracemalloc_size(average_of(*amount));
    }
    if (const auto* const mark = std::get_if<Mark>(&cell)) return std::string(mark->name);
    return words_of(cell, field, style_, quote_);
  }

  SinkBuffer buffer_;
  const Style& style_;
  Quote quote_;
  std::vector<FrameView> frames_;
};

}  // namespace

void print_text(const Document& document, const Style& style, Sink& sink) {
  TextWriter text(sink, style);
  for (const Section& section : document.sections) {
    section.for_each_row([&](Row cells) { text.row(section, cells); });
  }
  text.finish();
}

}  // namespace memtrace
