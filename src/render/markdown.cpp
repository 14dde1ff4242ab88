// A pull request's comment (GitHub's Markdown).
//
// Everything that a snapshot brings is shown as code and cannot be markup. Source lines are left
// out: a comment is public, and a snapshot from elsewhere chooses the files' names.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/readable_name.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

std::string code_of(const Location& location, Quote quote, const Style& style) {
  std::string out = quote(location.path + location.position);
  if (!location.function.empty()) {
    out += " in " + quote(style.full_names ? location.function
                                           : readable_name(location.function, kWidestName));
  }
  if (location.inlined) out += " (inlined)";
  out += was_words(location);
  return out;
}

// A comment has room for what a table says only where it is asked.
bool is_listed(const Note& note) {
  return !note.headline && !note.detail && note.when != Note::When::briefly;
}

// "new" for the mark "NEW ".
std::string word_of(const Cell& cell) {
  const auto* const mark = std::get_if<Mark>(&cell);
  std::string word(mark == nullptr ? std::string_view() : mark->text);
  while (word.ends_with(' ')) word.pop_back();
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return word;
}

class MarkdownWriter {
 public:
  MarkdownWriter(Sink& sink, const Style& style) : buffer_(sink), style_(style) {}

  void heading(const Document& document) {
    paragraph(fmt::format("### {}", document.title));
    headline(document.heading);
    for (const Section& section : document.sections) headline(section.footer);
    list(document.heading);
  }

  void section(const Section& section) {
    if (std::exchange(after_footer_, false) && section.is_for_people()) line();
    list(section.heading);
    paragraph(words_of(section.nothing, style_, markdown_code));
    visible_ = visible_fields(section);
    bool has_rows = false;
    section.for_each_row([&](Row cells) {
      if (section.shows_frames()) {
        folded(section, cells);
      } else {
        if (!has_rows) titles(section);
        row(section, cells);
      }
      has_rows = true;
    });
    if (has_rows) line();
    paragraph(words_of(section.rest, style_, markdown_code));
    for (const Note& note : section.footer) {
      if (!is_listed(note)) continue;
      line(words_of(note.text, style_, markdown_code));
      after_footer_ = true;
    }
  }

  void finish() { buffer_.flush(); }

 private:
  void line(std::string_view text = {}) {
    buffer_.text() += text;
    buffer_.text() += '\n';
    buffer_.line_done();
  }

  void paragraph(std::string_view text) {
    if (text.empty()) return;
    line(text);
    line();
  }

  void headline(std::span<const Note> notes) {
    for (const Note& note : notes) {
      if (note.headline) paragraph("**" + words_of(note.text, style_, markdown_code) + "**");
    }
  }

  void list(std::span<const Note> notes) {
    std::string_view label;
    bool is_empty = true;
    for (const Note& note : notes) {
      if (!is_listed(note) || note.text.empty()) continue;
      const bool is_new = note.label != label && !note.label.empty();
      label = note.label;
      line(fmt::format("- {}{}{}", is_new ? label : "", is_new ? ": " : "",
                       words_of(note.text, style_, markdown_code)));
      is_empty = false;
    }
    if (!is_empty) line();
  }

  std::string words(const Cell& cell, const Field& field, Quote quote) {
    if (const auto* const place = std::get_if<Place>(&cell)) {
      return code_of(location_of(*place->report, place->group, style_, frames_), quote, style_);
    }
    return words_of(cell, field, style_, quote);
  }

  // Errors and marks have no column of their own.
  void titles(const Section& section) {
    std::string names = "|", alignments = "|";
    for (const std::size_t index : visible_) {
      const Field& field = section.fields[index];
      if (field.role == Role::standard_error || field.is_mark()) continue;
      std::string title(field.title);
      if (!title.empty() && title.front() >= 'a' && title.front() <= 'z') {
        title.front() = static_cast<char>(title.front() - 'a' + 'A');
      }
      names += fmt::format(" {} |", title);
      alignments += field.is_left_aligned() ? " :--- |" : " ---: |";
    }
    line(names);
    line(alignments);
  }

  void row(const Section& section, Row cells) {
    std::string out = "|", mark;
    for (const std::size_t index : visible_) {
      const Field& field = section.fields[index];
      if (field.is_mark()) {
        const std::string word = word_of(cells[index]);
        mark = word.empty() ? "" : "**" + word + "** ";
      } else if (field.role == Role::standard_error) {
        out.insert(out.size() - 2, " " + words(cells[index], field, markdown_code));
      } else {
        out += fmt::format(" {}{} |", mark, words(cells[index], field, markdown_code));
        mark.clear();
      }
    }
    line(out);
  }

  // A group with its frames, folded away until somebody clicks. The summary is HTML.
  void folded(const Section& section, Row cells) {
    const std::string summary = sentence_of(section, cells);
    if (style_.most_recent_first) std::reverse(frames_.begin(), frames_.end());
    line("<details>");
    line("<summary>" + summary + "</summary>");
    line();
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const Location location = location_of(frames_[i], GroupBy::traceback, style_);
      line(fmt::format("{}. {}", i + 1, code_of(location, markdown_code, style_)));
    }
    line();
    line("</details>");
  }

  std::string sentence_of(const Section& section, Row cells) {
    std::string out;
    for (std::string_view rest = section.sentence; !rest.empty();) {
      const std::size_t begin = std::min(rest.find('{'), rest.size());
      out += rest.substr(0, begin);
      rest.remove_prefix(begin);
      if (rest.empty()) break;
      const std::string_view name = rest.substr(1, rest.find('}') - 1);
      rest.remove_prefix(name.size() + 2);
      const auto named = [&](const Field& field) {
        return field.title == name || (field.is_mark() && field.json == name);
      };
      const auto field = std::ranges::find_if(section.fields, named);
      const Cell& cell = cells[static_cast<std::size_t>(field - section.fields.begin())];
      const std::string words = spoken(*field, cell);
      out += out.empty() ? "<b>" + words + "</b>" : words;
    }
    return out;
  }

  std::string spoken(const Field& field, const Cell& cell) {
    if (field.is_mark()) {
      const std::string word = word_of(cell);
      return word.empty() ? word : "<b>" + word + "</b> ";
    }
    const auto* const number = std::get_if<std::int64_t>(&cell);
    if (number != nullptr && field.unit == Unit::blocks && field.role == Role::value) {
      return counted(static_cast<std::uint64_t>(*number), "block", "blocks");
    }
    return words(cell, field, html_code);
  }

  SinkBuffer buffer_;
  const Style& style_;
  std::vector<FrameView> frames_;
  std::vector<std::size_t> visible_;  // fields of the section
  bool after_footer_ = false;         // of the section before
};

}  // namespace

void print_markdown(const Document& document, const Style& style, Sink& sink) {
  MarkdownWriter markdown(sink, style);
  markdown.heading(document);
  for (const Section& section : document.sections) markdown.section(section);
  markdown.finish();
}

}  // namespace memtrace
