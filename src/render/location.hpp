// What a group, a frame and a function are called, and their lines of source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mtrace/report.hpp"
#include "render/readable_name.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// A place in a program. Raw text: nothing is escaped yet.
struct Location {
  std::string path;      // a file, a module, or the name of a domain
  std::string position;  // ":12" or "+0x1f3a"; empty where the key has no line
  std::string function;  // empty: unknown
  bool inlined = false;
  std::uint32_t moved_from = 0;  // the line that it was before; 0: it did not move
};

// Without "//", "/./" and "FOLDER/../", as files are listed: no link is followed. Names of no file
// ("<string>", "webpack://…") stay.
std::string normalized_path(std::string_view whole);
// The longest of the prefixes that holds the path is taken off, at a folder's end only.
std::string_view without_prefix(std::string_view path, const std::vector<std::string>& prefixes);

// For people: the path is normalized.
Location location_of(const FrameView& frame, GroupBy group_by, const Style& style);
// " (was :12)" where the line moved; else empty.
std::string was_words(const Location& location);
// "native", or "domain 3".
std::string name_of(const Domain& domain);

// The group's location: of a traceback, the frame that allocated. `frames` is filled with the
// group's frames.
Location location_of(const Report& report, GroupId group, const Style& style,
                     std::vector<FrameView>& frames);

// The name as tracemalloc's str() has it, where it has one: "FILE:LINE", and "FILE:0" when grouped
// by file. "FILE:FUNCTION" by function, "MODULE+0x1f3a" for an address.
std::string tracemalloc_name(const FrameView& frame, GroupBy group_by, const Style& style);

// For people, escaped: "FILE:LINE in FUNCTION (was :LINE)", the function by its readable name
// unless the style asks for full ones. Where that is wider than `width` (0: unlimited), the folders
// lose their middle first, then a long function name does. The line number stays.
std::string printed(const Location& location, std::size_t width, const Style& style = {});

// The same in parts, so that what matters can stand out.
struct PrintedLocation {
  std::string folder, place;  // "/srv/shop/", "server.cpp:38"
  std::string function, behind;

  [[nodiscard]] std::string text() const;
  // The folder quiet, the function strong.
  [[nodiscard]] std::string painted_text() const;
};
PrintedLocation print_location(const Location& location, std::size_t width, const Style& style);

// "server.cpp:38": as short as a sentence needs. A function's name loses its middle where it is
// wider than that. Raw text.
std::string short_name(const Report& report, GroupId group, std::size_t width = kWidestName);

// Lines of source files that lie on this machine. The file names come from a snapshot, and nobody
// vouches for it: only regular files of moderate size are read, never a device or a pipe, and what
// looks binary has no lines. A file is read once, and kept as long as all of them take less than
// kMostCached bytes.
//
// A file that is not at its own path may be in one of `folders`: below its whole path, or below
// what is left of that without some of its leading folders; the more is left, the better.
class SourceLines {
 public:
  SourceLines() = default;
  explicit SourceLines(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // Without the white space around it, and cut where it is very long; empty where there is no such
  // file or line. Raw text. Valid until the next call.
  std::string_view line(std::string_view filename, std::uint32_t lineno);

 private:
  struct File {
    std::string text;
    std::vector<std::uint32_t> line_starts;
  };

  const File& file(std::string_view filename);
  [[nodiscard]] std::string find_text(const std::string& path) const;

  static constexpr std::size_t kMostCached = std::size_t{64} << 20;

  std::vector<std::string> folders_;
  std::unordered_map<std::string, File> files_;
  std::size_t cached_ = 0;
};

}  // namespace memtrace
