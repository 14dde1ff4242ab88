#include "render/table_lines.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::string_view kFrameIndent = "    ";
constexpr std::string_view kSourceIndent = "        ";
// On a narrower terminal a location wraps rather than becoming unreadable.
constexpr std::size_t kLeastRoom = 24;
constexpr std::size_t kWidestSource = 120;
// Recursion is shown so many times, then counted.
constexpr std::size_t kShownRepeats = 3;

bool is_same_place(const FrameView& a, const FrameView& b) {
  return a.filename == b.filename && a.lineno == b.lineno && a.function == b.function &&
         a.module == b.module && a.offset == b.offset;
}

}  // namespace

void TableLines::line(std::string_view text, Ink ink) {
  buffer_.text() += painted(text, ink, style_.color);
  buffer_.text() += '\n';
  buffer_.line_done();
}

void TableLines::line_if(std::string_view text, Ink ink) {
  if (!text.empty()) line(text, ink);
}

void TableLines::lines(std::span<const std::string> texts, Ink ink) {
  for (const std::string& text : texts) line(text, ink);
}

void TableLines::command(const Metadata& metadata, std::string_view indent) {
  if (metadata.command.empty()) return;
  const std::string text = fmt::format("{}{}", indent, shell_words(metadata.command));
  line(shortened_end(text, style_.width), Ink::dim);
}

void TableLines::titles(const NumberColumns& columns, std::string_view last_title) {
  columns.append_titles(buffer_.text(), style_.color);
  buffer_.text() += kGap;
  line(last_title, Ink::dim);
}

void TableLines::group(const NumberColumns& columns, std::span<const Cell> numbers,
                       const Cell& marker, const Report& report, GroupId group) {
  const bool with_frames = report.selection().group_by == GroupBy::traceback;
  if (with_frames && !first_group_) line();
  first_group_ = false;
  columns.append_row(buffer_.text(), numbers, style_.color);
  buffer_.text() += kGap;
  std::size_t used = columns.width() + kGap.size();
  if (!marker.text.empty()) {
    buffer_.text() += painted(marker.text, marker.ink, style_.color);
    buffer_.text() += kGap;
    used += marker.text.size() + kGap.size();
  }
  line(printed(location_of(report, group, style_, frames_), room(used), style_));
  if (with_frames) frames();
}

void TableLines::rest(std::string_view text, const Report& report) {
  if (text.empty()) return;
  if (report.selection().group_by == GroupBy::traceback) line();
  line(text, Ink::dim);
}

void TableLines::frames() {
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
         Ink::dim);
  }
}

void TableLines::frame(const FrameView& view) {
  const Location location = location_of(view, GroupBy::traceback, style_);
  line(std::string(kFrameIndent) + printed(location, room(kFrameIndent.size()), style_));
  source_line(view);
}

void TableLines::source_line(const FrameView& view) {
  if (!view.filename) return;
  const std::string_view source = sources_.line(*view.filename, view.lineno);
  if (source.empty()) return;
  const std::size_t available = room(kSourceIndent.size());
  const std::size_t width = available == 0 ? kWidestSource : std::min(available, kWidestSource);
  line(std::string(kSourceIndent) + shortened_end(escaped(source), width), Ink::dim);
}

std::size_t TableLines::room(std::size_t used) const {
  if (style_.width == 0) return 0;
  return std::max(kLeastRoom, style_.width - std::min(used, style_.width));
}

}  // namespace memtrace
