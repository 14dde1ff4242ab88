// Text on its way to a person: made harmless, measured, cut and coloured.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "render/document.hpp"

namespace memtrace {

// Whether a code point may do more to a terminal, or to the order of a line, than show a glyph:
// control characters, line separators, bidirectional and invisible formatting, surrogates. Joiners
// and variation selectors are not among them: emoji and Indic scripts need them.
bool is_unsafe(char32_t code_point);

// Appends text with what is unsafe written as \n, \x1b, \u202e, \udc80 or \U000e0001. A byte that
// is no UTF-8 becomes \xff. The result is valid UTF-8.
void append_escaped(std::string& out, std::string_view text);
std::string escaped(std::string_view text);

// The printable form of an argument vector: what a shell would take, with unsafe code points
// escaped.
std::string shell_words(std::span<const std::string> words);

// An inline code span of GitHub's Markdown, for tables and running text alike. No character of the
// text is markup, neither Markdown's nor HTML's, and no line end gets in.
std::string markdown_code(std::string_view text);
// The same for places where only HTML is read, such as within <summary>.
std::string html_code(std::string_view text);

// Adds a field of a CSV table, in quotes where RFC 4180 wants them.
void append_csv_field(std::string& out, std::string_view text);

// Cells of a terminal that a text takes: two for East Asian wide characters, none for combining
// ones. The text must be escaped already.
std::size_t display_width(std::string_view text);

// Stands for what is left out; one column wide.
inline constexpr std::string_view kEllipsis = "…";

// The longest beginning or end that fits. A combining character stays with its base.
std::string_view prefix_of_width(std::string_view text, std::size_t width);
std::string_view suffix_of_width(std::string_view text, std::size_t width);

// Cut at the end, with an ellipsis where something is missing. Width 0 is unlimited.
std::string shortened_end(std::string_view text, std::size_t width);

// Colours are the terminal's own sixteen, so that they fit its theme.
std::string painted(std::string_view text, Emphasis emphasis, bool color);

}  // namespace memtrace
