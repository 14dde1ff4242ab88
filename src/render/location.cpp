#include "render/location.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "render/escape.hpp"
#include "render/readable_name.hpp"

namespace memtrace {
namespace {

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

// What stands behind the path, in so many columns unless the style asks for the whole name.
struct Trail {
  std::string function, behind;  // "FUNCTION", " (inlined)"

  [[nodiscard]] std::size_t width() const {
    const std::size_t in = function.empty() ? 0 : kIn.size() + display_width(function);
    return in + display_width(behind);
  }
};

Trail trail_of(const Location& location, std::size_t width, const Style& style) {
  const std::string was = was_words(location);
  const std::string behind = (location.inlined ? std::string(kInlined) : std::string()) + was;
  if (location.function.empty()) return {{}, behind};
  const std::size_t others = kIn.size() + behind.size();
  std::string name = escaped(location.function);
  if (!style.full_names) {
    const std::size_t room = width - std::min(width, others);
    if (room < kShortestFunction) return {{}, was};
    name = readable_name(name, std::min(room, kWidestName));
  }
  return {std::move(name), behind};
}

std::string text_or(const std::optional<std::string_view>& text, std::string_view otherwise) {
  return std::string(text.value_or(otherwise));
}

constexpr std::int64_t kLargestFile = std::int64_t{4} << 20;
constexpr std::size_t kLongestLine = 1024;

bool is_readable_kind(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= kLargestFile;
}

// Looked at before it is opened, because opening a device may already do something, and again
// afterwards, because it may be another file by then.
std::string read_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !is_readable_kind(status)) return {};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return {};
  std::string text;
  if (::fstat(file, &status) == 0 && is_readable_kind(status)) {
    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t filled = 0;
    while (filled < text.size()) {
      const ssize_t got = ::read(file, text.data() + filled, text.size() - filled);
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    text.resize(filled);
  }
  ::close(file);
  return text;
}

std::vector<std::uint32_t> find_line_starts(std::string_view text) {
  std::vector<std::uint32_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.push_back(static_cast<std::uint32_t>(at));
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return starts;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "<string>" and its like are names of no file; with a zero byte, the system would see another
// name.
bool may_be_file(std::string_view filename) {
  return !filename.empty() && filename.front() != '<' &&
         filename.find('\0') == std::string_view::npos;
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

std::string normalized_path(std::string_view whole) {
  std::string_view path = whole;
  const bool is_file = !path.starts_with('<') && path.find("://") == std::string_view::npos;
  const bool may_change = path.starts_with("./") || path.find("//") != std::string_view::npos ||
                          path.find("/.") != std::string_view::npos;
  if (!is_file || !may_change) return std::string(path);
  const bool is_absolute = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    if (part.empty() || part == ".") continue;
    const bool goes_up = part == ".." && (is_absolute || (!parts.empty() && parts.back() != ".."));
    if (!goes_up) {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  std::string normalized(is_absolute ? "/" : "");
  for (const std::string_view part : parts) {
    if (!normalized.empty() && normalized.back() != '/') normalized += '/';
    normalized += part;
  }
  return normalized.empty() ? std::string(whole) : normalized;
}

namespace {

enum class Paths : std::uint8_t { as_they_are, normalized };

Location location_with(Paths paths, const FrameView& frame, GroupBy group_by, const Style& style) {
  const auto shortened = [&](const std::optional<std::string_view>& name) {
    const std::string_view whole = name.value_or(kUnknownFilename);
    const std::string path =
        paths == Paths::normalized ? normalized_path(whole) : std::string(whole);
    return std::string(without_prefix(path, style.strip_prefixes));
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
  location.moved_from = frame.moved_from;
  if (frame.filename) location.position = fmt::format(":{}", frame.lineno);
  return location;
}

}  // namespace

Location location_of(const FrameView& frame, GroupBy group_by, const Style& style) {
  return location_with(Paths::normalized, frame, group_by, style);
}

std::string was_words(const Location& location) {
  return location.moved_from == 0 ? "" : fmt::format(" (was :{})", location.moved_from);
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
  Location location = location_with(Paths::as_they_are, frame, group_by, style);
  if (group_by == GroupBy::filename && frame.filename) location.position = ":0";
  // Without a line, the function is what tells two places of a file apart.
  if (location.position.empty() && !location.function.empty()) {
    location.position = ":" + location.function;
  }
  return location.path + location.position;
}

PrintedLocation print_location(const Location& location, std::size_t width, const Style& style) {
  const std::string path = escaped(location.path);
  Trail trail = trail_of(location, std::string::npos, style);
  std::string place = path + location.position;
  if (width != 0 && !style.full_names) {
    const std::size_t path_width = display_width(path) + location.position.size();
    if (path_width + trail.width() > width) {
      trail =
          trail_of(location, std::max(width * 3 / 5, width - std::min(width, path_width)), style);
    }
    const std::size_t last_width = path_width - display_width(path.substr(0, path.rfind('/') + 1));
    // "…/" in front of the last component.
    if (trail.width() + std::min(last_width + 2, path_width) > width) trail = {};
    place = shortened_path(path, location.position, width - trail.width());
  }
  const std::size_t folder = place.rfind('/') + 1;  // npos + 1 is 0: none
  return {place.substr(0, folder), place.substr(folder), std::move(trail.function),
          std::move(trail.behind)};
}

std::string PrintedLocation::text() const {
  return fmt::format("{}{}{}{}{}", folder, place, function.empty() ? "" : kIn, function, behind);
}

std::string PrintedLocation::painted_text() const {
  return fmt::format("{}{}{}{}{}", painted(folder, Emphasis::quiet, true), place,
                     function.empty() ? "" : kIn, painted(function, Emphasis::strong, true),
                     behind);
}

std::string printed(const Location& location, std::size_t width, const Style& style) {
  return print_location(location, width, style).text();
}

std::string short_name(const Report& report, GroupId group, std::size_t width) {
  std::vector<FrameView> frames;
  const Location location = location_of(report, group, Style(), frames);
  const bool by_function =
      report.selection().group_by == GroupBy::function && !location.function.empty();
  if (by_function) return readable_name(location.function, width);
  return location.path.substr(location.path.rfind('/') + 1) + location.position;
}

std::string_view SourceLines::line(std::string_view filename, std::uint32_t lineno) {
  if (lineno == 0 || !may_be_file(filename)) return {};
  const File& found = file(filename);
  if (lineno > found.line_starts.size()) return {};
  const std::size_t begin = found.line_starts[lineno - 1];
  const bool last = lineno == found.line_starts.size();
  const std::size_t end = last ? found.text.size() : found.line_starts[lineno];
  return trimmed(std::string_view(found.text).substr(begin, end - begin)).substr(0, kLongestLine);
}

std::string SourceLines::find_text(const std::string& path) const {
  std::string text = read_file(path);
  for (std::string_view rest = path; text.empty() && !folders_.empty() && !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    for (const std::string& folder : folders_) {
      if (text.empty() && !rest.empty()) text = read_file(folder + '/' + std::string(rest));
    }
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  return text;
}

const SourceLines::File& SourceLines::file(std::string_view filename) {
  const std::string path(filename);
  if (const auto found = files_.find(path); found != files_.end()) return found->second;
  if (cached_ >= kMostCached) {
    files_.clear();
    cached_ = 0;
  }
  File loaded;
  loaded.text = find_text(path);
  if (loaded.text.find('\0') != std::string::npos) loaded.text.clear();
  loaded.line_starts = find_line_starts(loaded.text);
  cached_ += path.size() + loaded.text.size() + 4 * loaded.line_starts.size();
  return files_.emplace(path, std::move(loaded)).first->second;
}

}  // namespace memtrace
