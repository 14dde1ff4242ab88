// The paths of source files.
#pragma once

#include <string>
#include <string_view>

namespace memtrace {

// Without "//", "/./" and "/x/..": compilers write paths as they were given them, and one file
// should have one name. A path stays absolute or relative as it is.
std::string tidy_path(std::string_view path);

}  // namespace memtrace
