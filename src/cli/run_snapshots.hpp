// Where `mtrace run` has snapshots written.
#pragma once

#include <string>

namespace memtrace {

inline constexpr const char* kDefaultPattern = "mtrace.%e.%p.zst";

// The pattern as an absolute path: the program may change its folder. A folder stands for the
// default name in it. Throws Error where a conversion is unknown, or where snapshots are certain
// not to be written: what fails fails before hours have been spent.
std::string absolute_pattern(const std::string& output);

}  // namespace memtrace
