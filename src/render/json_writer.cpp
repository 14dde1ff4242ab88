#include "render/json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/utf8.hpp"
#include "render/escape.hpp"

namespace memtrace {
namespace {

void append_escape(std::string& out, char32_t code_point) {
  const auto append = std::back_inserter(out);
  const auto value = static_cast<std::uint32_t>(code_point);
  if (value >= 0x10000) {
    fmt::format_to(append, "\\u{:04x}\\u{:04x}", 0xD800 + ((value - 0x10000) >> 10),
                   0xDC00 + ((value - 0x10000) & 0x3FF));
  } else if (value == '\n') {
    out += "\\n";
  } else if (value == '\t') {
    out += "\\t";
  } else if (value == '\r') {
    out += "\\r";
  } else {
    fmt::format_to(append, "\\u{:04x}", value);
  }
}

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

}  // namespace

void JsonWriter::key(std::string_view name) {
  before_element();
  append_string(name);
  buffer_.text() += ": ";
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  before_element();
  append_string(text);
}

void JsonWriter::value(double number) {
  if (!std::isfinite(number)) return value(nullptr);
  before_element();
  fmt::format_to(std::back_inserter(buffer_.text()), "{}", number);
}

void JsonWriter::value(std::nullptr_t) {
  append_literal("null");
}

void JsonWriter::finish() {
  buffer_.text() += '\n';
  buffer_.flush();
}

void JsonWriter::begin(char bracket, Layout layout) {
  before_element();
  buffer_.text() += bracket;
  levels_.push_back({layout});
}

void JsonWriter::end(char bracket) {
  const Level level = levels_.back();
  levels_.pop_back();
  if (level.layout == Layout::lines && !level.empty) line_end();
  buffer_.text() += bracket;
}

// Puts what separates an element from the one before it.
void JsonWriter::before_element() {
  if (after_key_ || levels_.empty()) {
    after_key_ = false;
    return;
  }
  Level& level = levels_.back();
  if (!level.empty) buffer_.text() += level.layout == Layout::lines ? "," : ", ";
  level.empty = false;
  if (level.layout == Layout::lines) line_end();
}

void JsonWriter::line_end() {
  buffer_.text() += '\n';
  buffer_.line_done();
  buffer_.text().append(2 * levels_.size(), ' ');
}

void JsonWriter::append_literal(std::string_view literal) {
  before_element();
  buffer_.text() += literal;
}

void JsonWriter::append_integer(std::int64_t number) {
  before_element();
  fmt::format_to(std::back_inserter(buffer_.text()), "{}", number);
}

void JsonWriter::append_integer(std::uint64_t number) {
  before_element();
  fmt::format_to(std::back_inserter(buffer_.text()), "{}", number);
}

void JsonWriter::append_string(std::string_view text) {
  std::string& out = buffer_.text();
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    const CodePoint next = first_code_point(text);
    if (next.value == '"' || next.value == '\\') {
      out += '\\';
      out += static_cast<char>(next.value);
    } else if (is_unsafe(next.value)) {
      append_escape(out, next.value);
    } else {
      out.append(text.substr(0, next.size));
    }
    text.remove_prefix(next.size);
  }
  out += '"';
}

}  // namespace memtrace
