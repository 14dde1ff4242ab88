// A streaming JSON writer.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "render/renderer.hpp"

namespace memtrace {

// Why not nlohmann/json, which reads JSON elsewhere: it writes only what was built as a tree first,
// a gigabyte for a million groups, and it refuses the lone surrogates that Python's file names may
// hold. This one holds one line.
//
// The output is valid UTF-8 whatever the text: lone surrogates become \udXXX, and a byte that is no
// UTF-8 becomes \udc80 to \udcff, as in Python ("surrogateescape"). What could harm a terminal is
// escaped too. The caller nests begin and end rightly.
class JsonWriter {
 public:
  enum class Layout : std::uint8_t {
    single_line,  // {"a": 1, "b": 2}
    lines,        // one element a line, indented
  };

  explicit JsonWriter(Sink& sink) : buffer_(sink) {}

  void begin_object(Layout layout = Layout::single_line) { begin('{', layout); }
  void end_object() { end('}'); }
  void begin_array(Layout layout = Layout::single_line) { begin('[', layout); }
  void end_array() { end(']'); }

  void key(std::string_view name);       // nothing in it needs an escape
  void text_key(std::string_view name);  // a key that may be anything
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(double number);  // the shortest form that reads back as the same number
  void value(std::nullptr_t);
  template <std::same_as<bool> T>
  void value(T truth) {
    append_literal(truth ? "true" : "false");
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void value(T number) {
    if constexpr (std::signed_integral<T>) {
      append_integer(static_cast<std::int64_t>(number));
    } else {
      append_integer(static_cast<std::uint64_t>(number));
    }
  }
  template <class T>
  void value(const std::optional<T>& maybe) {
    if (maybe) {
      value(*maybe);
    } else {
      value(nullptr);
    }
  }

  template <class T>
  void member(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

  // Ends the document with a line end and writes what is left.
  void finish();

 private:
  struct Level {
    Layout layout;
    bool empty = true;
  };

  void begin(char bracket, Layout layout);
  void end(char bracket);
  void before_element();
  void line_end();
  void append_literal(std::string_view literal);
  void append_integer(std::int64_t number);
  void append_integer(std::uint64_t number);
  void append_string(std::string_view text);

  SinkBuffer buffer_;
  std::vector<Level> levels_;
  bool after_key_ = false;
};

}  // namespace memtrace
