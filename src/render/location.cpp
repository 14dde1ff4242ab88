#include "render/location.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "render/columns.hpp"
#include "render/escape.hpp"
#include "render/readable_name.hpp"

namespace memtrace {
namespace {

constexpr std::string_view kEllipsis = "…";
// A function's name that is cut to less than this says nothing any more.
constexpr std::size_t kShortestFunction = 8;

std::string_view prefix_at(std::string_view directory, std::size_t width) {
  const std::string_view fitting = prefix_of_width(directory, width);
  return fitting.substr(0, fitting.rfind('/') + 1);  // npos + 1 is 0: nothing
}

std::string_view suffix_at(std::string_view directory, std::size_t width) {
  std::string_view fitting = suffix_of_width(directory, width);
  fitting.remove_prefix(std::min(fitting.find('/'), fitting.size()));
  return fitting;
}

// Whole folders go, from the middle, until it fits; the last component goes last, from its front.
std::string shortened_path(const std::string& path, const std::string& position,
                           std::size_t width) {
  const std::string whole = path + position;
  if (display_width(whole) <= width) return whole;
  const std::size_t slash = std::min(path.rfind('/'), path.size());
  const std::string_view directory = std::string_view(path).substr(0, slash);
  const std::string_view last = std::string_view(whole).substr(slash == path.size() ? 0 : slash);
  const std::size_t last_width = display_width(last) + 1;
  if (directory.empty() || last_width > width) {
    return fmt::format("{}{}", kEllipsis, suffix_of_width(whole, width - 1));
  }
  const std::size_t room = width - last_width;
  std::string_view front = prefix_at(directory, room / 2);
  if (front == "/") front = {};  // says nothing
  const std::string_view back = suffix_at(directory, room - display_width(front));
  return fmt::format("{}{}{}{}", front, kEllipsis, back, last);
}

constexpr std::string_view kIn = " in ", kInlined = " (inlined)";

// " in FUNCTION (inlined)", in so many columns unless the style asks for the whole name.
std::string trail_of(const Location& location, std::size_t width, const Style& style) {
  const std::string_view behind = location.inlined ? kInlined : std::string_view();
  if (location.function.empty()) return std::string(behind);
  const std::size_t others = kIn.size() + behind.size();
  std::string name = escaped(location.function);
  if (!style.full_names) {
    const std::size_t room = width - std::min(width, others);
    if (room < kShortestFunction) return {};
    name = readable_name(name, std::min(room, kWidestName));
  }
  return fmt::format("{}{}{}", kIn, name, behind);
}

std::string text_or(const std::optional<std::string_view>& text, std::string_view otherwise) {
  return std::string(text.value_or(otherwise));
}

}  // namespace

std::string_view without_prefix(std::string_view path, const std::vector<std::string>& prefixes) {
  std::size_t longest = 0;
  for (std::string_view prefix : prefixes) {
    if (prefix.empty()) continue;
    while (prefix.ends_with('/')) prefix.remove_suffix(1);
    const std::size_t size = prefix.size();
    if (path.size() > size + 1 && path.starts_with(prefix) && path[size] == '/') {
      longest = std::max(longest, size + 1);
    }
  }
  return path.substr(longest);
}

Location location_of(const FrameView& frame, GroupBy group_by, const Style& style) {
  const auto shortened = [&](const std::optional<std::string_view>& name) {
    return std::string(without_prefix(name.value_or(kUnknownFilename), style.strip_prefixes));
  };
  Location location;
  if (group_by == GroupBy::module) {
    location.path = shortened(frame.module);
    return location;
  }
  location.path = shortened(frame.filename ? frame.filename : frame.module);
  if (group_by == GroupBy::filename) return location;
  location.inlined = frame.inlined;
  if (frame.offset) {
    location.position = fmt::format("+{:#x}", *frame.offset);
    return location;
  }
  if (group_by == GroupBy::function) {
    location.function = text_or(frame.function, "");
    return location;
  }
  location.function = text_or(frame.function, "");
  if (frame.filename) location.position = fmt::format(":{}", frame.lineno);
  return location;
}

std::string name_of(const Domain& domain) {
  return domain.name.empty() ? fmt::format("domain {}", domain.number) : domain.name;
}

Location location_of(const Report& report, GroupId group, const Style& style,
                     std::vector<FrameView>& frames) {
  const GroupBy group_by = report.selection().group_by;
  if (group_by == GroupBy::domain) {
    frames.clear();
    Location location;
    location.path = name_of(report.domain(group));
    return location;
  }
  report.traceback(group, frames);
  return location_of(frames.empty() ? FrameView() : frames.back(), group_by, style);
}

std::string tracemalloc_name(const FrameView& frame, GroupBy group_by, const Style& style) {
  Location location = location_of(frame, group_by, style);
  if (group_by == GroupBy::filename && frame.filename) location.position = ":0";
  // Without a line, the function is what tells two places of a file apart.
  if (location.position.empty() && !location.function.empty()) {
    location.position = ":" + location.function;
  }
  return location.path + location.position;
}

std::string printed(const Location& location, std::size_t width, const Style& style) {
  const std::string path = escaped(location.path);
  std::string trail = trail_of(location, std::string::npos, style);
  if (width == 0 || style.full_names) return path + location.position + trail;
  const std::size_t path_width = display_width(path) + location.position.size();
  if (path_width + display_width(trail) > width) {
    trail = trail_of(location, std::max(width * 3 / 5, width - std::min(width, path_width)), style);
  }
  const std::size_t last_width = path_width - display_width(path.substr(0, path.rfind('/') + 1));
  const std::size_t trail_width = display_width(trail);
  // "…/" in front of the last component.
  if (trail_width + std::min(last_width + 2, path_width) > width) {
    return shortened_path(path, location.position, width);
  }
  return shortened_path(path, location.position, width - trail_width) + trail;
}

}  // namespace memtrace
