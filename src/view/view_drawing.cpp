// How a view is drawn.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/quantity.hpp"
#include "render/readable_name.hpp"
#include "view/view.hpp"

namespace memtrace {
namespace {

struct KeyWords {
  std::string_view key, words, hint;  // without a hint, it is only in the list of keys
};

// Hints for a narrow terminal first.
constexpr auto kKeys = std::to_array<KeyWords>({
    {"Enter", "who calls it, and whom it calls; in a flame: zoom in", "callers"},
    {"Space, Right", "show and hide its tracebacks, with source lines", "tracebacks"},
    {"/", "filter as you type: part of a name, or a glob", "filter"},
    {"f", "flame view and back; arrows move in it", "flame"},
    {"g", "group by another: line, file, traceback, function…", "group"},
    {"?", "show the keys", "keys"},
    {"q", "quit", "quit"},
    {"m", "metric: alive now, at the peak, ever allocated", "metric"},
    {"o", "own code only (--mine), and all", "own"},
    {"s", "sort by another column", "sort"},
    {"r", "reverse the order", ""},
    {"c", "cumulative: a block counts for all of its traceback", ""},
    {"b", "plain bytes and back", ""},
    {"Backspace, Esc, Left", "go back; end the filter; in a flame: zoom out", ""},
    {"arrows, j k, PgUp PgDn", "choose a line; Home and End, too", ""},
});

constexpr auto kLiveKeys = std::to_array<KeyWords>({
    {"p", "pause and go on", "pause"},
    {"z", "measure growth from now on", "from now"},
});

// In so many cells: cut, or padded.
std::string in_cells(std::string_view text, std::size_t width, bool is_right = false) {
  std::string shown = width == 0 ? std::string() : shortened_end(text, width);
  const std::size_t padding = width - std::min(width, display_width(shown));
  return is_right ? std::string(padding, ' ') + shown : shown + std::string(padding, ' ');
}

std::size_t width_of(const Line& line) {
  std::size_t width = 0;
  for (const Span& span : line) width += display_width(span.text);
  return width;
}

Emphasis emphasis_of_change(std::int64_t change) {
  return change == 0 ? Emphasis::none : change > 0 ? Emphasis::worse : Emphasis::better;
}

constexpr std::size_t kSizeWidth = 10, kPercentWidth = 7, kCountWidth = 11, kChangeWidth = 11;
// A narrower terminal has no bars.
constexpr std::size_t kLeastForBars = 72, kPlentyForBars = 120;
constexpr std::size_t kLeastColumns = 30, kLeastRows = 8;

}  // namespace

std::size_t View::bar_width(std::size_t columns) const {
  return columns < kLeastForBars ? 0 : columns < kPlentyForBars ? 8 : 20;
}

Screen View::draw(ScreenSize size) {
  Screen screen;
  if (size.columns < kLeastColumns || size.rows < kLeastRows) {
    screen.lines.push_back({{in_cells("too small", size.columns)}});
    return screen;
  }
  std::vector<Line>& lines = screen.lines;
  draw_heading(lines, size.columns);
  constexpr std::size_t kBelow = 3;  // the details and the keys
  const std::size_t rows = size.rows - std::min(size.rows, lines.size() + kBelow);
  if (page().kind == Kind::keys) {
    draw_keys(lines, rows);
  } else if (page().kind == Kind::flame) {
    draw_flame(lines, size, rows);
  } else {
    draw_list(lines, size, rows);
  }
  lines.resize(size.rows - kBelow);
  const auto frame = page().kind == Kind::keys ? std::nullopt : chosen_frame();
  lines.push_back(details(size.columns));
  std::string source;
  if (frame && frame->filename) source = escaped(sources_.line(*frame->filename, frame->lineno));
  lines.push_back({{in_cells("    " + source, size.columns), Emphasis::quiet}});
  lines.push_back(bottom(size.columns));
  return screen;
}

std::string View::settings() const {
  const Selection& selection = options_.selection;
  std::string words =
      fmt::format("{} by {}{}: ", name_of(selection.metric), name_of(selection.group_by),
                  selection.cumulative ? ", cumulative" : "");
  const Style& style = options_.style;
  if (is_diff()) {
    const std::int64_t before = diff_->total_before.size, after = diff_->total_after.size;
    words += fmt::format("before {}, after {}, {}", human_size(before, style),
                         human_size(after, style), human_size(after - before, style, Sign::always));
    const std::string percent = percent_change(before, after);
    if (!percent.empty()) words += " (" + percent + ")";
  } else {
    const auto blocks = static_cast<std::uint64_t>(top_->total.count);
    words += fmt::format("{} in {}", human_size(top_->total.size, style),
                         counted(blocks, "block", "blocks"));
  }
  words += fmt::format("; {} by {}", counted(report().groups(), "group", "groups"),
                       is_diff() ? name_of(diff_sort()) : name_of(top_sort()));
  if (options_.reverse) words += ", reversed";
  const std::vector<std::string> filters = filters_of(selection);
  if (!filters.empty()) words += ";";
  for (const std::string& filter : filters) words += " " + escaped(filter);
  return words;
}

std::string View::title(std::size_t columns) const {
  if (!options_.before.empty()) {
    return escaped(options_.before) + " → " + escaped(options_.after);
  }
  const Metadata& metadata = is_diff() ? diff_->metadata_after : top_->metadata;
  const Note note = snapshot_note(metadata, options_.after);
  const std::string whole = words_of(note.text, options_.style, escaped);
  if (display_width(whole) < columns) return whole;
  return words_of(note.shorter, options_.style, escaped);
}

void View::draw_heading(std::vector<Line>& lines, std::size_t columns) {
  const std::string state = state_.empty() ? "" : " " + state_ + " ";
  const std::size_t room = columns - std::min(columns, display_width(state));
  lines.push_back({{in_cells(" " + title(room), room) + shortened_end(state, columns),
                    Emphasis::strong, Ground::reversed}});
  lines.push_back({{shortened_end(settings(), columns), Emphasis::strong}});
  std::vector<Note> losses;
  if (is_diff()) add_losses(losses, diff_->metadata_before, "before");
  add_losses(losses, is_diff() ? diff_->metadata_after : top_->metadata, is_diff() ? "after" : "");
  for (const Note& note : losses) {
    if (note.when == Note::When::verbosely) continue;
    const std::string label = note.label.empty() ? "" : std::string(note.label) + ": ";
    lines.push_back({{shortened_end(label + words_of(note.text, options_.style, escaped), columns),
                      Emphasis::warning}});
  }
  if (page().kind == Kind::calls) {
    const std::string name = name_of_frame(calls().frame(page().focus));
    lines.push_back({{in_cells(name, columns), Emphasis::strong}});
  }
}

Line View::titles(std::size_t columns) const {
  const std::size_t bar = bar_width(columns);
  std::string text;
  if (is_diff()) {
    text = in_cells("change", kChangeWidth, true) + "  ";
    if (bar > 0) text += in_cells("growth", bar) + "  ";
    text += in_cells("size", kSizeWidth, true) + in_cells("count", kCountWidth, true);
  } else {
    text = in_cells("size", kSizeWidth, true) + in_cells("%", kPercentWidth, true) + "  ";
    if (bar > 0) text += in_cells("share", bar);
    text += in_cells("count", kCountWidth, true);
  }
  return {{in_cells(text + "    location", columns), Emphasis::quiet}};
}

Line View::amounts_line(const Amounts& amounts, std::size_t columns) const {
  const Style& style = options_.style;
  const std::size_t bar = bar_width(columns);
  const std::string size = in_cells(human_size(amounts.after.size, style), kSizeWidth, true);
  const std::string count = in_cells(grouped_digits(amounts.after.count), kCountWidth, true);
  if (is_diff()) {
    const std::int64_t change = amounts.size_diff();
    const Emphasis emphasis = emphasis_of_change(change);
    const std::string words = human_size(change, style, Sign::always);
    const double part = biggest_change_ > 0 ? static_cast<double>(change) / biggest_change_ : 0;
    Line line = {{in_cells(words, kChangeWidth, true) + "  ", emphasis}};
    if (bar > 0) {
      line.push_back({in_cells(part_bar(part < 0 ? -part : part, bar), bar) + "  ", emphasis});
    }
    line.push_back({size + count + "  "});
    return line;
  }
  const std::int64_t total = top_->total.size;
  Line line = {{size, Emphasis::strong},
               {in_cells(percent_of(amounts.after.size, total), kPercentWidth, true) + "  "}};
  if (bar > 0) {
    line.push_back({in_cells(part_bar(share_of(amounts.after.size, total) / 100, bar), bar)});
  }
  line.push_back({count + "  "});
  return line;
}

// NOLINTNEXTLINE(readability-function-size): a table of kinds
Line View::item_line(const Item& item, std::size_t columns, bool is_chosen) {
  Line line;
  const auto location = [&](const Location& where) {
    const std::size_t used = width_of(line);
    const std::size_t room = std::max<std::size_t>(20, columns - std::min(used, columns));
    const PrintedLocation parts = print_location(where, room, options_.style);
    line.push_back({parts.folder, Emphasis::quiet});
    line.push_back({parts.place + (parts.function.empty() ? "" : " in ")});
    line.push_back({parts.function, Emphasis::strong});
    line.push_back({parts.behind});
  };
  std::vector<FrameView> frames;
  switch (item.kind) {
    case Item::Kind::group: {
      line = amounts_line(item.amounts, columns);
      line.push_back({item.is_expanded ? "▾ " : "  "});
      const Location where = location_of(report(), item.group, options_.style, frames);
      if (is_diff() && item.amounts.before.count == 0) line.push_back({"NEW ", Emphasis::worse});
      if (is_diff() && item.amounts.after.count == 0) line.push_back({"GONE ", Emphasis::better});
      location(where);
      break;
    }
    case Item::Kind::place:
      line = amounts_line(item.amounts, columns);
      line.push_back({"  "});
      if (!item.text.empty()) {
        line.push_back({item.text, Emphasis::quiet});
      } else {
        GroupBy group_by = options_.selection.group_by;
        if (group_by == GroupBy::traceback) group_by = GroupBy::lineno;
        location(location_of(item.frame, group_by, options_.style));
      }
      break;
    case Item::Kind::traceback:
      line = amounts_line(item.amounts, columns);
      line.push_back({"  traceback, most recent frame first", Emphasis::quiet});
      break;
    case Item::Kind::frame:
      line.push_back({"    "});
      location(location_of(item.frame, GroupBy::traceback, options_.style));
      break;
    case Item::Kind::source:
      line.push_back({"        " + item.text, Emphasis::quiet});
      break;
    case Item::Kind::heading:
      if (!item.amounts.is_nothing()) line = amounts_line(item.amounts, columns);
      line.push_back({item.text, Emphasis::quiet});
      break;
  }
  if (!is_chosen) return line;
  std::string text;
  for (const Span& span : line) text += span.text;
  return {{in_cells(text, columns), Emphasis::none, Ground::reversed}};
}

void View::draw_list(std::vector<Line>& lines, ScreenSize size, std::size_t rows) {
  lines.push_back(titles(size.columns));
  rows -= std::min<std::size_t>(rows, 1);
  shown_rows_ = std::max<std::size_t>(rows, 1);
  Page& here = page();
  here.first = std::min(here.first, here.chosen);
  if (here.chosen >= here.first + shown_rows_) here.first = here.chosen - shown_rows_ + 1;
  if (items_.empty()) {
    lines.push_back({{filter_.empty() ? "nothing to show" : "nothing matches", Emphasis::quiet}});
  }
  for (std::size_t at = here.first; at < std::min(items_.size(), here.first + rows); ++at) {
    lines.push_back(item_line(items_[at], size.columns, at == here.chosen));
  }
}

// As short as a cell wants it.
Span View::flame_span(const FlameCell& cell) {
  Span span;
  span.ground = (cell.row + cell.column) % 2 == 0 ? Ground::light : Ground::dark;
  std::string name = "all";
  if (cell.node != kRoot) {
    const FrameView frame = calls().tree().frame(cell.node);
    const Location where = location_of(frame, GroupBy::lineno, options_.style);
    name = where.function.empty()
               ? escaped(where.path.substr(where.path.rfind('/') + 1)) + where.position
               : readable_name(escaped(where.function), std::max<std::size_t>(cell.width, 8));
  }
  if (is_diff()) {
    const std::int64_t change = calls().total(cell.node).size_diff();
    if (change != 0) span.ground = change > 0 ? Ground::red : Ground::green;
  }
  if (cell.node == page().node) {
    span.ground = Ground::reversed;
    span.emphasis = Emphasis::strong;
  }
  // Cells stand apart also where there are no colours.
  span.text = "│" + in_cells(name, cell.width - 1);
  return span;
}

void View::draw_flame(std::vector<Line>& lines, ScreenSize size, std::size_t rows) {
  flame_.lay_out(calls(), page().root, size.columns, rows);
  if (flame_.find(page().node) == nullptr) page().node = page().root;
  const std::size_t top = lines.size();
  lines.resize(top + rows);
  std::vector<std::size_t> used(rows, 0);
  for (const FlameCell& cell : flame_.cells()) {
    Line& line = lines[top + cell.row];
    if (cell.column > used[cell.row]) {
      line.push_back({std::string(cell.column - used[cell.row], ' ')});
    }
    line.push_back(flame_span(cell));
    used[cell.row] = cell.column + cell.width;
  }
}

void View::draw_keys(std::vector<Line>& lines, std::size_t rows) const {
  const auto add = [&](const auto& keys) {
    for (const KeyWords& each : keys) {
      if (rows == 0) return;
      --rows;
      lines.push_back({{in_cells("  " + std::string(each.key), 24) + " ", Emphasis::strong},
                       {std::string(each.words)}});
    }
  };
  if (options_.is_live) add(kLiveKeys);
  add(kKeys);
}

Line View::details(std::size_t columns) {
  if (page().kind == Kind::keys) return {{in_cells("any key goes back", columns), Emphasis::quiet}};
  const auto frame = chosen_frame();
  std::string text;
  if (page().kind == Kind::flame) {
    const Amounts total = calls().total(page().node), own = calls().own(page().node);
    const Style& style = options_.style;
    text = is_diff() ? fmt::format("{} to {}, ", human_size(total.size_diff(), style, Sign::always),
                                   human_size(total.after.size, style))
                     : fmt::format("{} ({}), ", human_size(total.after.size, style),
                                   percent_of(total.after.size, top_->total.size));
    text += fmt::format("{} its own  ", human_size(own.after.size, style));
  } else if (!filter_.empty() && page().kind == Kind::groups) {
    text = fmt::format("{}, {}  ", counted(found_, "group matches", "groups match"),
                       human_size(found_amounts_.after.size, options_.style));
  }
  if (frame) {
    const std::size_t room = std::max<std::size_t>(20, columns - std::min(columns, text.size()));
    const bool has_line = frame->lineno != 0 || frame->offset.has_value();
    const GroupBy by = has_line ? GroupBy::traceback : GroupBy::function;
    const Location where = location_of(*frame, by, options_.style);
    text += print_location(where, room, options_.style).text();
  }
  return {{in_cells(text, columns)}};
}

Line View::bottom(std::size_t columns) const {
  if (is_typing_)
    return {{in_cells("filter: " + escaped(filter_) + "_", columns), Emphasis::strong}};
  if (!message_.empty()) return {{in_cells(message_, columns), Emphasis::warning}};
  Line line;
  std::size_t used = 0;
  const auto add = [&](const auto& keys) {
    for (const KeyWords& each : keys) {
      if (each.hint.empty()) continue;
      const std::string_view key = each.key.substr(0, each.key.find_first_of(", "));
      const std::size_t width = key.size() + 1 + each.hint.size() + 2;
      if (used + width > columns + 2) return;
      used += width;
      line.push_back({std::string(key), Emphasis::strong});
      line.push_back({" " + std::string(each.hint) + "  "});
    }
  };
  add(kKeys);
  if (options_.is_live) add(kLiveKeys);
  if (!filter_.empty()) line.push_back({"filter: " + escaped(filter_), Emphasis::warning});
  return line;
}

}  // namespace memtrace
