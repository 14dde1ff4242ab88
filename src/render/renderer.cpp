#include "render/renderer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "mtrace/error.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// A line of bars is no longer than this: of more values, each bar is the mean of some.
constexpr std::size_t kMostBars = 24;

double mean_of(Course values) {
  double sum = 0;
  for (const std::int64_t value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

// "▁▃▆█": each value as a part of the largest.
std::string sparkline(Course course) {
  std::vector<double> heights(std::min(course.size(), kMostBars));
  for (std::size_t i = 0; i < heights.size(); ++i) {
    const std::size_t begin = course.size() * i / heights.size();
    const std::size_t end = course.size() * (i + 1) / heights.size();
    heights[i] = std::max(0.0, mean_of(course.subspan(begin, end - begin)));
  }
  const double largest = heights.empty() ? 0 : *std::ranges::max_element(heights);
  std::string line;
  for (const double height : heights) {
    const double part = largest <= 0 ? 0 : height / largest;
    line += bar_of(part);
  }
  return line;
}

std::string integer_words(std::int64_t number, const Field& field, const Style& style) {
  const Sign sign = field.role == Role::change ? Sign::always : Sign::negative_only;
  return field.unit == Unit::bytes ? human_size(number, style, sign) : grouped_digits(number, sign);
}

std::string real_words(double number, const Field& field, const Style& style) {
  if (field.unit == Unit::bar) {
    return number < 0 ? shaded_bar(-number, kBarWidth) : part_bar(number, kBarWidth);
  }
  // From here on, decimals say nothing, and four digits would need an exponent.
  constexpr double kWholeFrom = 1000;
  const bool is_whole = field.unit == Unit::bytes || field.unit == Unit::blocks ||
                        (field.unit == Unit::number && std::abs(number) >= kWholeFrom);
  std::string words = field.unit == Unit::percent ? percent_words(number)
                      : is_whole                  ? integer_words(std::lround(number), field, style)
                                                  : fmt::format("{:.4g}", number);
  return field.role == Role::standard_error ? "±" + words : words;
}

}  // namespace

std::span<const Renderer> renderers() {
  static constexpr std::array kRenderers = {
      // name, limited, changed_only, needs_tree, print, needs_measurements
      Renderer{"table", true, true, false, print_table},
      Renderer{"text", true, false, false, print_text},
      Renderer{"json", false, false, false, print_json},
      Renderer{"csv", false, false, false, print_csv},
      Renderer{"markdown", true, true, false, print_markdown},
      Renderer{"junit", true, false, false, print_junit, true},
      Renderer{"github", true, false, false, print_github, true},
      Renderer{"benchmark", true, false, false, print_benchmark, true},
      Renderer{"bmf", true, false, false, print_bmf, true},
  };
  return kRenderers;
}

void render(const Renderer& renderer, const Document& document, const Style& style, Sink& sink) {
  if (renderer.needs_tree && !document.tree) {
    throw Error(fmt::format("--format {} shows tracebacks, which this report does not have",
                            renderer.name));
  }
  if (renderer.needs_measurements && document.measurements.empty()) {
    throw Error(
        fmt::format("--format {} shows limits, which this report does not have", renderer.name));
  }
  renderer.print(document, style, sink);
}

std::string words_of(const Sentence& sentence, const Style& style, Quote quote) {
  std::string words;
  for (const auto& [kind, text, size] : sentence.pieces()) {
    switch (kind) {
      case Sentence::Kind::text:
        words += text;
        break;
      case Sentence::Kind::name:
        words += quote(text);
        break;
      case Sentence::Kind::size:
        words += text + human_size(size, style);
        break;
      case Sentence::Kind::bytes:
        words += human_size(size, style) + (style.plain_bytes ? " bytes" : "");
        break;
      case Sentence::Kind::exact_bytes:
        words += exact_size(size, style);
        break;
    }
  }
  return words;
}

std::string words_of(const Cell& cell, const Field& field, const Style& style, Quote quote) {
  if (const auto* const integer = std::get_if<std::int64_t>(&cell)) {
    return integer_words(*integer, field, style);
  }
  if (const auto* const real = std::get_if<double>(&cell)) return real_words(*real, field, style);
  if (const auto* const amount = std::get_if<Amount>(&cell)) {
    return human_size(rounded_average_of(*amount), style);
  }
  if (const auto* const text = std::get_if<std::string_view>(&cell)) {
    return text->empty() ? std::string() : quote(*text);
  }
  if (const auto* const course = std::get_if<Course>(&cell)) return sparkline(*course);
  if (const auto* const mark = std::get_if<Mark>(&cell)) return std::string(mark->text);
  if (const auto* const sentence = std::get_if<const Sentence*>(&cell)) {
    return words_of(**sentence, style, quote);
  }
  return {};
}

Emphasis emphasis_of(const Cell& cell, const Field& field) {
  if (const auto* const mark = std::get_if<Mark>(&cell)) return mark->emphasis;
  if (field.emphasis != Emphasis::by_sign) return field.emphasis;
  const auto by_sign = [](auto number) {
    return number == 0 ? Emphasis::none : number > 0 ? Emphasis::worse : Emphasis::better;
  };
  if (const auto* const number = std::get_if<std::int64_t>(&cell)) return by_sign(*number);
  if (const auto* const part = std::get_if<double>(&cell)) return by_sign(*part);
  return field.emphasis;
}

std::vector<std::size_t> visible_fields(const Section& section) {
  std::vector<std::size_t> visible;
  for (std::size_t i = 0; i < section.fields.size(); ++i) {
    if (section.fields[i].place != 0) visible.push_back(i);
  }
  std::ranges::sort(visible, {}, [&](std::size_t i) { return section.fields[i].place; });
  std::vector<char> is_empty(section.fields.size(), 0);
  for (const std::size_t i : visible) is_empty[i] = section.fields[i].is_mark() ? 1 : 0;
  if (std::ranges::find(is_empty, 1) == is_empty.end()) return visible;
  section.for_each_row([&](Row row) {
    for (const std::size_t i : visible) {
      const auto* const mark = std::get_if<Mark>(&row[i]);
      if (mark != nullptr && !mark->text.empty()) is_empty[i] = 0;
    }
  });
  std::erase_if(visible, [&](std::size_t i) { return is_empty[i] != 0; });
  return visible;
}

}  // namespace memtrace
