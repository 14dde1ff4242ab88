#include "render/columns.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::string_view kEllipsis = "…";

std::size_t width_of(char32_t code_point) {
  if (code_point >= 0x20 && code_point < 0x7F) return 1;
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(code_point));
  return width < 0 ? 0 : static_cast<std::size_t>(width);
}

std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::bold:
      return "\x1b[1m";
    case Ink::dim:
      return "\x1b[2m";
    case Ink::red:
      return "\x1b[31m";
    case Ink::green:
      return "\x1b[32m";
    case Ink::yellow:
      return "\x1b[33m";
    case Ink::none:
      break;
  }
  return {};
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    width += width_of(next.value);
    text.remove_prefix(next.size);
  }
  return width;
}

std::string_view prefix_of_width(std::string_view text, std::size_t width) {
  std::size_t end = 0, used = 0;
  while (end < text.size()) {
    const CodePoint next = first_code_point(text.substr(end));
    used += width_of(next.value);
    if (used > width) break;
    end += next.size;
  }
  return text.substr(0, end);
}

std::string_view suffix_of_width(std::string_view text, std::size_t width) {
  std::size_t left = display_width(text);
  bool cut = false;
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    const std::size_t own = width_of(next.value);
    const bool base_is_gone = cut && own == 0;
    if (left <= width && !base_is_gone) break;
    left -= own;
    cut = true;
    text.remove_prefix(next.size);
  }
  return text;
}

std::string shortened_end(std::string_view text, std::size_t width) {
  if (width == 0 || display_width(text) <= width) return std::string(text);
  return fmt::format("{}{}", prefix_of_width(text, width - 1), kEllipsis);
}

std::string painted(std::string_view text, Ink ink, bool color) {
  if (!color || ink == Ink::none || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", code_of(ink), text);
}

NumberColumns::NumberColumns(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (const std::string& title : titles_) widths_.push_back(display_width(title));
}

void NumberColumns::measure(std::span<const Cell> row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    widths_[i] = std::max(widths_[i], display_width(row[i].text));
  }
}

void NumberColumns::append_titles(std::string& out, bool color) const {
  std::vector<Cell> row;
  for (const std::string& title : titles_) row.push_back({title, Ink::dim});
  append_row(out, row, color);
}

void NumberColumns::append_row(std::string& out, std::span<const Cell> row, bool color) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t gap = i == 0 ? 0 : kGap;
    out.append(gap + widths_[i] - display_width(row[i].text), ' ');
    out += painted(row[i].text, row[i].ink, color);
  }
}

std::size_t NumberColumns::width() const {
  std::size_t width = 0;
  for (const std::size_t column : widths_) width += column + kGap;
  return width - std::min(width, kGap);
}

}  // namespace memtrace
