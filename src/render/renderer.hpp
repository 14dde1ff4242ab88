// One row for every output format.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "render/document.hpp"

namespace memtrace {

// Where text goes. Rendering streams: a report of a million groups is never one string.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::string_view text) = 0;
};

// Small pieces of text on their way to a sink. Appending to a string is far cheaper than a virtual
// call for each of the ten pieces of a line. Whoever writes calls line_done() after a line, and
// flush() at the end: a destructor must not write, because a sink may throw.
class SinkBuffer {
 public:
  explicit SinkBuffer(Sink& sink) : sink_(sink) {}

  std::string& text() { return text_; }

  void line_done() {
    if (text_.size() >= kFull) flush();
  }

  void flush() {
    if (!text_.empty()) sink_.write(text_);
    text_.clear();
  }

 private:
  static constexpr std::size_t kFull = std::size_t{1} << 16;

  Sink& sink_;
  std::string text_;
};

// What the user chose about looks.
struct Style {
  bool color = false;
  bool terminal = false;           // a person's terminal: no control character may reach it
  bool plain_bytes = false;        // bytes instead of KiB, MiB (--bytes)
  bool full_names = false;         // of functions, where they are long (--full-names)
  bool verbose = false;            // all that is known above a table (--verbose)
  bool bars = false;               // of shares and growth, in a table that has room for them
  bool most_recent_first = false;  // a traceback's frames; default: oldest first
  std::size_t width = 0;           // columns of the terminal; 0: unlimited
  std::vector<std::string> strip_prefixes = {};
  std::vector<std::string> source_folders = {};  // where source files may be, too
  // Where names of files are relative to, and the checkout around it; absolute, or empty.
  std::string working_folder = {}, repository = {};
};

struct Renderer {
  std::string_view name;  // the value of --format
  bool limited;           // prints 10 groups unless asked; the others print all
  bool changed_only;      // leaves unchanged groups out of a diff
  bool needs_tree;        // prints the traceback tree, not the rows
  void (*print)(const Document& document, const Style& style, Sink& sink);
  bool needs_measurements = false;  // prints what was held to limits, not the rows
};

std::span<const Renderer> renderers();

// Throws Error where the format needs what the document does not have.
void render(const Renderer& renderer, const Document& document, const Style& style, Sink& sink);

// The formats, one file each.
void print_table(const Document& document, const Style& style, Sink& sink);
void print_text(const Document& document, const Style& style, Sink& sink);
void print_json(const Document& document, const Style& style, Sink& sink);
void print_csv(const Document& document, const Style& style, Sink& sink);
void print_markdown(const Document& document, const Style& style, Sink& sink);
void print_junit(const Document& document, const Style& style, Sink& sink);
void print_github(const Document& document, const Style& style, Sink& sink);
void print_benchmark(const Document& document, const Style& style, Sink& sink);
void print_bmf(const Document& document, const Style& style, Sink& sink);

// What formats for people have in common.

// Columns of a bar, where nothing else says how wide it may be.
inline constexpr std::size_t kBarWidth = 10;

// Makes untrusted text harmless: escaped() for a terminal, markdown_code() for Markdown.
using Quote = std::string (*)(std::string_view text);

std::string words_of(const Sentence& sentence, const Style& style, Quote quote);
// Empty for a location, whose words depend on the room that there is.
std::string words_of(const Cell& cell, const Field& field, const Style& style, Quote quote);
// Of a field, or of a single value where its emphasis depends on it.
Emphasis emphasis_of(const Cell& cell, const Field& field);
// Which fields people see, from the left: without marks where no row has one.
std::vector<std::size_t> visible_fields(const Section& section);

}  // namespace memtrace
