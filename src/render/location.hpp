// What a group or a frame is called.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mtrace/report.hpp"
#include "render/renderer.hpp"

namespace memtrace {

// A place in a program. Raw text: nothing is escaped yet.
struct Location {
  std::string path;      // a file, a module, or the name of a domain
  std::string position;  // ":12" or "+0x1f3a"; empty where the key has no line
  std::string function;  // empty: unknown
  bool inlined = false;
};

// The longest of the prefixes that holds the path is taken off, at a folder's end only.
std::string_view without_prefix(std::string_view path, const std::vector<std::string>& prefixes);

Location location_of(const FrameView& frame, GroupBy group_by, const Style& style);
// "native", or "domain 3".
std::string name_of(const Domain& domain);

// The group's location: of a traceback, the frame that allocated. `frames` is filled with the
// group's frames.
Location location_of(const Report& report, GroupId group, const Style& style,
                     std::vector<FrameView>& frames);

// The name as tracemalloc's str() has it, where it has one: "FILE:LINE", and "FILE:0" when grouped
// by file. "FILE:FUNCTION" by function, "MODULE+0x1f3a" for an address.
std::string tracemalloc_name(const FrameView& frame, GroupBy group_by, const Style& style);

// For people, escaped: "FILE:LINE in FUNCTION", the function by its readable name unless the style
// asks for full ones. Where that is wider than `width` (0: unlimited), the folders lose their
// middle first, then a long function name does. The line number stays.
std::string printed(const Location& location, std::size_t width, const Style& style = {});

}  // namespace memtrace
