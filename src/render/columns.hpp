// Text on a grid: how wide it is, where it may be cut, and columns of numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memtrace {

// Cells of a terminal that a text takes: two for East Asian wide characters, none for combining
// ones. The text must be escaped already.
std::size_t display_width(std::string_view text);

// The longest beginning or end that fits. A combining character stays with its base.
std::string_view prefix_of_width(std::string_view text, std::size_t width);
std::string_view suffix_of_width(std::string_view text, std::size_t width);

// Cut at the end, with an ellipsis where something is missing. Width 0 is unlimited.
std::string shortened_end(std::string_view text, std::size_t width);

enum class Ink : std::uint8_t { none, bold, dim, red, green, yellow };

// Colours are the terminal's own sixteen, so that they fit its theme.
std::string painted(std::string_view text, Ink ink, bool color);

struct Cell {
  std::string text;
  Ink ink = Ink::none;
};

// Right-aligned columns, two spaces apart. Rows are measured first and printed afterwards, so that
// any number of them takes no memory.
class NumberColumns {
 public:
  // Leaves room for the titles.
  explicit NumberColumns(std::vector<std::string> titles);

  void measure(std::span<const Cell> row);
  void append_titles(std::string& out, bool color) const;
  void append_row(std::string& out, std::span<const Cell> row, bool color) const;
  // Of a whole row.
  [[nodiscard]] std::size_t width() const;

 private:
  std::vector<std::string> titles_;
  std::vector<std::size_t> widths_;
};

}  // namespace memtrace
