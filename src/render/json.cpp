// A document as JSON: its facts, its rows one a line, and what is left over.
#include "render/json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/utf8.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

using Layout = JsonWriter::Layout;

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

void write_facts(JsonWriter& json, const Facts& facts);

// NOLINTNEXTLINE(misc-no-recursion): as deep as the facts
void write_value(JsonWriter& json, const Fact::Value& value) {
  if (const auto* const facts = std::get_if<Facts>(&value)) {
    json.begin_object();
    write_facts(json, *facts);
    json.end_object();
  } else if (const auto* const list = std::get_if<std::vector<std::string>>(&value)) {
    json.begin_array();
    for (const std::string& text : *list) json.value(text);
    json.end_array();
  } else if (const auto* const numbers = std::get_if<std::vector<std::int64_t>>(&value)) {
    json.begin_array();
    for (const std::int64_t number : *numbers) json.value(number);
    json.end_array();
  } else if (const auto* const objects = std::get_if<std::vector<Facts>>(&value)) {
    json.begin_array(Layout::lines);
    for (const Facts& object : *objects) {
      json.begin_object();
      write_facts(json, object);
      json.end_object();
    }
    json.end_array();
  } else {
    std::visit(
        [&](const auto& plain) {
          if constexpr (requires { json.value(plain); }) json.value(plain);
        },
        value);
  }
}

// NOLINTNEXTLINE(misc-no-recursion)
void write_facts(JsonWriter& json, const Facts& facts) {
  for (const Fact& fact : facts) {
    json.text_key(fact.key);
    write_value(json, fact.value);
  }
}

void write_frame(JsonWriter& json, const FrameView& frame) {
  json.begin_object();
  json.member("filename", frame.filename);
  json.key("lineno");
  // A line is a line of a file.
  if (frame.filename) {
    json.value(frame.lineno);
  } else {
    json.value(nullptr);
  }
  json.member("function", frame.function);
  json.member("module", frame.module);
  if (frame.offset) json.member("offset", *frame.offset);
  if (frame.inlined) json.member("inlined", true);
  if (frame.moved_from != 0) json.member("moved_from", frame.moved_from);
  json.end_object();
}

class RowWriter {
 public:
  explicit RowWriter(JsonWriter& json) : json_(json) {}

  void rows(const Section& section) {
    if (section.rows_key.empty()) return;
    json_.key(section.rows_key);
    json_.begin_array(Layout::lines);
    section.for_each_row([&](Row cells) { row(section, cells); });
    json_.end_array();
  }

 private:
  // The errors of all estimates are one member.
  void row(const Section& section, Row cells) {
    json_.begin_object();
    bool among_errors = false;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const Field& field = section.fields[i];
      if (field.json.empty()) continue;
      const bool is_error = field.role == Role::standard_error;
      if (is_error && !among_errors) {
        json_.key("standard_error");
        json_.begin_object();
      }
      if (!is_error && among_errors) json_.end_object();
      among_errors = is_error;
      member(field, cells[i]);
    }
    if (among_errors) json_.end_object();
    json_.end_object();
  }

  void member(const Field& field, const Cell& cell) {
    if (const auto* const place = std::get_if<Place>(&cell)) return group(field, *place);
    json_.key(field.json);
    if (const auto* const integer = std::get_if<std::int64_t>(&cell)) return json_.value(*integer);
    if (const auto* const real = std::get_if<double>(&cell)) return json_.value(*real);
    if (const auto* const amount = std::get_if<Amount>(&cell)) {
      return json_.value(average_of(*amount));
    }
    if (const auto* const text = std::get_if<std::string_view>(&cell)) return json_.value(*text);
    if (const auto* const mark = std::get_if<Mark>(&cell)) return json_.value(mark->name);
    if (const auto* const sentence = std::get_if<const Sentence*>(&cell)) {
      const auto as_it_is = [](std::string_view name) { return std::string(name); };
      return json_.value(words_of(**sentence, Style(), as_it_is));
    }
    if (const auto* const course = std::get_if<Course>(&cell)) {
      json_.begin_array();
      for (const std::int64_t value : *course) json_.value(value);
      return json_.end_array();
    }
    json_.value(nullptr);
  }

  void group(const Field& field, const Place& place) {
    frames_.clear();
    if (field.group_by == GroupBy::domain) {
      const Domain& domain = place.report->domain(place.group);
      json_.member("domain", domain.number);
      json_.member("domain_name", domain.name.empty() ? std::nullopt : std::optional(domain.name));
    } else {
      place.report->traceback(place.group, frames_);
    }
    json_.key(field.json);
    json_.begin_array();
    for (const FrameView& frame : frames_) write_frame(json_, frame);
    json_.end_array();
  }

  JsonWriter& json_;
  std::vector<FrameView> frames_;
};

void write_section(JsonWriter& json, const Section& section) {
  write_facts(json, section.facts);
  RowWriter(json).rows(section);
  if (section.rest_facts.empty()) return;
  json.key("rest");
  write_value(json, section.rest_facts);
}

}  // namespace

void print_json(const Document& document, const Style&, Sink& sink) {
  JsonWriter json(sink);
  json.begin_object(Layout::lines);
  json.member("schema", document.schema);
  write_facts(json, document.facts);
  if (document.sections_key.empty()) {
    for (const Section& section : document.sections) write_section(json, section);
  } else {
    json.key(document.sections_key);
    json.begin_array(Layout::lines);
    for (const Section& section : document.sections) {
      if (!section.is_for_programs()) continue;
      json.begin_object(Layout::lines);
      write_section(json, section);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  json.finish();
}

void JsonWriter::key(std::string_view name) {
  before_element();
  buffer_.text() += '"';
  buffer_.text() += name;
  buffer_.text() += "\": ";
  after_key_ = true;
}

void JsonWriter::text_key(std::string_view name) {
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
