// Aligned columns for people, as wide as the terminal.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/quantity.hpp"
#include "render/renderer.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kGap = "  ", kNoteGap = "; ";
constexpr std::string_view kFrameIndent = "    ";
constexpr std::string_view kSourceIndent = "        ";
// On a narrower terminal a location wraps rather than becoming unreadable.
constexpr std::size_t kLeastRoom = 24;
constexpr std::size_t kWidestSource = 120;
// What a bar leaves to the last column, at least; where that has plenty, the bar is twice as wide.
constexpr std::size_t kRoomBesideBar = 40, kPlentyBesideBar = 90;
// Recursion is shown so many times, then counted.
constexpr std::size_t kShownRepeats = 3;

bool is_same_place(const FrameView& a, const FrameView& b) {
  return a.filename == b.filename && a.lineno == b.lineno && a.function == b.function &&
         a.module == b.module && a.offset == b.offset;
}

// What is printed of one section's rows: the widths of its columns, found in a first pass over the
// rows, so that any number of them takes no memory.
struct Grid {
  explicit Grid(const Section& whole) : section(whole), visible(visible_fields(whole)) {}

  [[nodiscard]] const Field& field(std::size_t column) const {
    return section.fields[visible[column]];
  }

  const Section& section;
  std::vector<std::size_t> visible;  // columns, as fields
  std::vector<std::size_t> widths{};
  std::size_t bar_width = kBarWidth;
  bool has_rows = false;
};

class TableWriter {
 public:
  TableWriter(Sink& sink, const Style& style)
      : buffer_(sink), style_(style), sources_(style.source_folders) {}

  void line(std::string_view text = {}, Emphasis emphasis = Emphasis::none) {
    out() += painted(text, emphasis, style_.color);
    out() += '\n';
    buffer_.line_done();
  }

  // What is said about one thing is headed by its label once, and indented below it.
  void notes(std::span<const Note> notes) {
    std::size_t label_width = 0;
    for (const Note& note : notes) {
      if (!note.label.empty()) label_width = std::max(label_width, note.label.size() + kGap.size());
    }
    std::string_view label;
    std::vector<const Note*> on_line;
    const auto end_line = [&] {
      if (on_line.empty()) return;
      const Note& first = *on_line.front();
      std::string begin(first.label == label ? std::string_view() : first.label);
      if (!first.label.empty()) begin.resize(label_width, ' ');
      label = first.label;
      note_line(begin, on_line);
      on_line.clear();
    };
    for (const Note& note : notes) {
      if (note.text.empty()) continue;
      if (note.when == (style_.verbose ? Note::When::briefly : Note::When::verbosely)) continue;
      if (!note.goes_on) end_line();
      on_line.push_back(&note);
    }
    end_line();
  }

  void section(const Section& section) {
    if (!section.heading.empty()) {
      notes(section.heading);
      line();
    }
    if (!section.nothing.empty()) line(words_of(section.nothing, style_, escaped));
    Grid grid(section);
    measure(grid);
    if (grid.has_rows) titles(grid);
    has_frames_above_ = false;
    section.for_each_row([&](Row cells) { row(grid, cells); });
    if (!section.rest.empty()) {
      if (section.shows_frames()) line();
      line(words_of(section.rest, style_, escaped), Emphasis::quiet);
    }
    if (!section.footer.empty()) {
      line();
      notes(section.footer);
    }
  }

  void finish() { buffer_.flush(); }

 private:
  std::string& out() { return buffer_.text(); }

  // Each note in fewer words where they do not fit.
  void note_line(const std::string& begin, std::span<const Note* const> notes) {
    std::vector<std::string> texts;
    const auto write = [&](bool shortly) {
      texts.clear();
      std::size_t width = display_width(begin);
      for (const Note* const note : notes) {
        const bool is_shorter = shortly && !note->shorter.empty();
        texts.push_back(words_of(is_shorter ? note->shorter : note->text, style_, escaped));
        width += display_width(texts.back()) + (note == notes.front() ? 0 : kNoteGap.size());
      }
      return width;
    };
    if (write(false) > style_.width && style_.width != 0) write(true);
    texts.front().insert(0, begin);
    if (notes.front()->one_line) texts.front() = shortened_end(texts.front(), style_.width);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i > 0) out() += kNoteGap;
      out() += painted(texts[i], notes[i]->emphasis, style_.color);
    }
    line();
  }

  [[nodiscard]] std::string words(const Grid& grid, Row cells, std::size_t column) const {
    const Cell& cell = cells[grid.visible[column]];
    const Field& field = grid.field(column);
    const auto* const part = std::get_if<double>(&cell);
    if (field.unit == Unit::bar && part != nullptr) {
      return part_bar(std::abs(*part), grid.bar_width);
    }
    return words_of(cell, field, style_, escaped);
  }

  // The last column is as wide as it likes where it is aligned to the left.
  void measure(Grid& grid) const {
    for (std::size_t column = 0; column < grid.visible.size(); ++column) {
      const Field& field = grid.field(column);
      grid.widths.push_back(std::max(field.least_width, display_width(field.title)));
    }
    grid.section.for_each_row([&](Row cells) {
      grid.has_rows = true;
      for (std::size_t column = 0; column < grid.visible.size(); ++column) {
        std::size_t& width = grid.widths[column];
        if (grid.field(column).unit == Unit::bar) continue;
        width = std::max(width, display_width(words(grid, cells, column)));
      }
    });
    make_room_for_bars(grid);
  }

  void make_room_for_bars(Grid& grid) const {
    for (std::size_t column = 0; column < grid.visible.size(); ++column) {
      if (grid.field(column).unit != Unit::bar) continue;
      std::size_t used = kBarWidth;
      for (std::size_t other = 0; other + 1 < grid.visible.size(); ++other) {
        used += kGap.size() + (other == column ? 0 : grid.widths[other]);
      }
      const std::size_t room = style_.width - std::min(used, style_.width);
      if (room >= kPlentyBesideBar) grid.bar_width = 2 * kBarWidth;
      grid.widths[column] = grid.bar_width;
      if (style_.bars && room >= kRoomBesideBar) continue;
      const auto at = static_cast<std::ptrdiff_t>(column--);
      grid.visible.erase(grid.visible.begin() + at);
      grid.widths.erase(grid.widths.begin() + at);
    }
  }

  // Titles above columns that are aligned to the left are one text.
  void titles(const Grid& grid) {
    const std::size_t columns = grid.visible.size();
    const auto has_title = [&](std::size_t field) {
      return !grid.section.fields[field].title.empty();
    };
    if (std::ranges::none_of(grid.visible, has_title)) return;
    std::string left;
    for (std::size_t column = 0; column < columns; ++column) {
      const std::string_view title = grid.field(column).title;
      const bool is_last = column + 1 == columns;
      if (grid.field(column).is_left_aligned()) {
        left += title;
        if (is_last) break;
        left.append(grid.widths[column] - display_width(title), ' ');
        left += kGap;
        continue;
      }
      out() += painted(left, Emphasis::quiet, style_.color);
      left.clear();
      out().append(grid.widths[column] - display_width(title), ' ');
      out() += painted(title, Emphasis::quiet, style_.color);
      if (!is_last) out() += kGap;
    }
    line(left, Emphasis::quiet);
  }

  void row(const Grid& grid, Row cells) {
    const bool with_frames = grid.section.shows_frames();
    if (with_frames && has_frames_above_) line();
    has_frames_above_ = with_frames;
    frames_.clear();
    std::size_t used = 0;
    for (std::size_t column = 0; column < grid.visible.size(); ++column) {
      const bool is_last = column + 1 == grid.visible.size();
      cell(grid, cells, column, is_last, used);
      used += grid.widths[column] + kGap.size();
    }
    line();
    if (with_frames) frames();
  }

  void cell(const Grid& grid, Row cells, std::size_t column, bool is_last, std::size_t used) {
    const Cell& cell = cells[grid.visible[column]];
    const Field& field = grid.field(column);
    std::string text = words(grid, cells, column);
    if (const auto* const place = std::get_if<Place>(&cell)) {
      const Location location = location_of(*place->report, place->group, style_, frames_);
      out() += location_words(location, room(used));
      if (!is_last) out() += kGap;
      return;
    }
    const std::size_t width = display_width(text);
    const std::size_t padding = grid.widths[column] - std::min(width, grid.widths[column]);
    const bool is_left = field.is_left_aligned();
    if (!is_left) out().append(padding, ' ');
    out() += painted(text, emphasis_of(cell, field), style_.color);
    if (is_last) return;
    if (is_left) out().append(padding, ' ');
    out() += kGap;
  }

  void frames() {
    if (frames_.size() == 1) return source_line(frames_.front());  // the location named it already
    if (style_.most_recent_first) std::reverse(frames_.begin(), frames_.end());
    for (std::size_t begin = 0, end = 0; begin < frames_.size(); begin = end) {
      while (end < frames_.size() && is_same_place(frames_[begin], frames_[end])) ++end;
      const std::size_t shown = std::min(end - begin, kShownRepeats);
      for (std::size_t i = 0; i < shown; ++i) frame(frames_[begin + i]);
      const std::size_t more = end - begin - shown;
      if (more == 0) continue;
      line(fmt::format("{}… the last frame {}", kFrameIndent,
                       counted(more, "time more", "times more")),
           Emphasis::quiet);
    }
  }

  void frame(const FrameView& view) {
    const Location location = location_of(view, GroupBy::traceback, style_);
    line(std::string(kFrameIndent) + location_words(location, room(kFrameIndent.size())));
    source_line(view);
  }

  void source_line(const FrameView& view) {
    if (!view.filename) return;
    const std::string_view source = sources_.line(*view.filename, view.lineno);
    if (source.empty()) return;
    const std::size_t available = room(kSourceIndent.size());
    const std::size_t width = available == 0 ? kWidestSource : std::min(available, kWidestSource);
    line(std::string(kSourceIndent) + shortened_end(escaped(source), width), Emphasis::quiet);
  }

  [[nodiscard]] std::string location_words(const Location& location, std::size_t width) const {
    const PrintedLocation parts = print_location(location, width, style_);
    return style_.color ? parts.painted_text() : parts.text();
  }

  [[nodiscard]] std::size_t room(std::size_t used) const {
    if (style_.width == 0) return 0;
    return std::max(kLeastRoom, style_.width - std::min(used, style_.width));
  }

  SinkBuffer buffer_;
  const Style& style_;
  SourceLines sources_;
  std::vector<FrameView> frames_;
  bool has_frames_above_ = false;
};

}  // namespace

void print_table(const Document& document, const Style& style, Sink& sink) {
  TableWriter table(sink, style);
  table.notes(document.heading);
  bool stands_apart = !document.heading.empty();
  for (const Section& section : document.sections) {
    if (!section.is_for_people()) continue;
    if (stands_apart) table.line();
    table.section(section);
    stands_apart = true;
  }
  table.finish();
}

}  // namespace memtrace
