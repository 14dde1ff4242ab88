#include "render/escape.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/utf8.hpp"

namespace memtrace {
namespace {

struct CodePointRange {
  char32_t first, last;
};

constexpr std::array kUnsafe = {
    CodePointRange{0x0000, 0x001F},   CodePointRange{0x007F, 0x009F},  // C0, DEL, C1
    CodePointRange{0x061C, 0x061C},                                    // Arabic letter mark
    CodePointRange{0x200B, 0x200B},                                    // zero width space
    CodePointRange{0x200E, 0x200F},    // left-to-right, right-to-left
    CodePointRange{0x2028, 0x202E},    // line and paragraph separators, bidi embeddings
    CodePointRange{0x2060, 0x206F},    // invisible operators, bidi isolates
    CodePointRange{0xD800, 0xDFFF},    // surrogates
    CodePointRange{0xFEFF, 0xFEFF},    // byte order mark
    CodePointRange{0xFFF9, 0xFFFB},    // interlinear annotations
    CodePointRange{0xE0000, 0xE007F},  // tags
};

void append_escape(std::string& out, CodePoint code_point) {
  const auto value = static_cast<std::uint32_t>(code_point.value);
  const auto append = std::back_inserter(out);
  if (is_surrogate(code_point.value) && code_point.size == 1) {
    fmt::format_to(append, "\\x{:02x}", value - 0xDC00);  // a byte that is no UTF-8
  } else if (value == '\n') {
    out += "\\n";
  } else if (value == '\r') {
    out += "\\r";
  } else if (value == '\t') {
    out += "\\t";
  } else if (value < 0x100) {
    fmt::format_to(append, "\\x{:02x}", value);
  } else if (value < 0x10000) {
    fmt::format_to(append, "\\u{:04x}", value);
  } else {
    fmt::format_to(append, "\\U{:08x}", value);
  }
}

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_shell_safe(std::string_view word) {
  constexpr std::string_view kSafe = "%+,-./:=@_";
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return is_alphanumeric(c) || kSafe.find(c) != std::string_view::npos;
  });
}

std::size_t width_of(char32_t code_point) {
  if (code_point >= 0x20 && code_point < 0x7F) return 1;
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(code_point));
  return width < 0 ? 0 : static_cast<std::size_t>(width);
}

}  // namespace

bool is_unsafe(char32_t code_point) {
  if (code_point >= 0x20 && code_point < 0x7F) return false;  // nearly all text
  return std::any_of(kUnsafe.begin(), kUnsafe.end(), [&](CodePointRange range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    if (is_unsafe(next.value)) {
      append_escape(out, next);
    } else {
      out.append(text.substr(0, next.size));
    }
    text.remove_prefix(next.size);
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

std::string shell_words(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    if (is_shell_safe(word)) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) {
      if (c == '\'') {
        out += "'\\''";
      } else {
        out += c;
      }
    }
    out += '\'';
  }
  return escaped(out);
}

// Within backticks everything is literal except a backtick and, in a table, the bar. What holds
// those, or looks like HTML to a reader that is less careful than GitHub's, is written as an HTML
// element instead, in which every character that could be markup is a character reference.
std::string markdown_code(std::string_view text) {
  constexpr std::string_view kNotWithinBackticks = "`|<>&\"";
  if (text.empty() || text.find_first_of(kNotWithinBackticks) != std::string_view::npos) {
    return html_code(text);
  }
  const std::string harmless = escaped(text);
  // One space is taken off both ends where both have one.
  const bool padded = harmless.front() == ' ' && harmless.back() == ' ';
  return fmt::format("`{0}{1}{0}`", padded ? " " : "", harmless);
}

std::string html_code(std::string_view text) {
  constexpr std::string_view kLiteral = " /-,=()";
  std::string out = "<code>";
  const std::string harmless = escaped(text);
  for (std::size_t i = 0; i < harmless.size(); ++i) {
    const char c = harmless[i];
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    // "www." and "://" would become links.
    const bool dot = c == '.' && (i == 0 || (harmless[i - 1] != 'w' && harmless[i - 1] != 'W'));
    const bool colon = c == ':' && (i + 1 == harmless.size() || harmless[i + 1] != '/');
    if (!ascii || is_alphanumeric(c) || dot || colon ||
        kLiteral.find(c) != std::string_view::npos) {
      out += c;
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      fmt::format_to(std::back_inserter(out), "&#{};", static_cast<int>(c));
    }
  }
  return out + "</code>";
}

void append_csv_field(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

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

std::string painted(std::string_view text, Emphasis emphasis, bool color) {
  // none, strong, quiet, warning, worse, better, by_sign
  static constexpr std::array kCodes = {"", "1", "2", "33", "31", "32", ""};
  const std::string_view code = kCodes[static_cast<std::size_t>(emphasis)];
  if (!color || code.empty() || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace memtrace
