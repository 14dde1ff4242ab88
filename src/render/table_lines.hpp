// The lines that tables of one snapshot and of two have in common.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "render/columns.hpp"
#include "render/location.hpp"
#include "render/sink_buffer.hpp"
#include "render/source_lines.hpp"

namespace memtrace {

class TableLines {
 public:
  TableLines(Sink& sink, const Style& style)
      : buffer_(sink), style_(style), sources_(style.source_folders) {}

  void line(std::string_view text = {}, Ink ink = Ink::none);
  // Nothing where the text is empty.
  void line_if(std::string_view text, Ink ink = Ink::none);
  void lines(std::span<const std::string> texts, Ink ink);
  // The command line that was traced, cut to one line; nothing where it is not known.
  void command(const Metadata& metadata, std::string_view indent);

  void titles(const NumberColumns& columns, std::string_view last_title);
  // The numbers, then the group's location; below them, when grouped by traceback, its frames with
  // their source lines where the files are at hand. `marker` stands in front of the location.
  void group(const NumberColumns& columns, std::span<const Cell> numbers, const Cell& marker,
             const Report& report, GroupId group);

  // What accounts for the groups that are not shown; nothing where the text is empty.
  void rest(std::string_view text, const Report& report);

  void finish() { buffer_.flush(); }

 private:
  void frames();
  void frame(const FrameView& view);
  void source_line(const FrameView& view);
  [[nodiscard]] std::size_t room(std::size_t used) const;

  SinkBuffer buffer_;
  const Style& style_;
  SourceLines sources_;
  std::vector<FrameView> frames_;
  bool first_group_ = true;
};

}  // namespace memtrace
