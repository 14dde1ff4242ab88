// The page without its title and data; empty in a build without pages. The build makes the source.
#pragma once

#include <string_view>

namespace memtrace {

extern const std::string_view kPageTemplate;

}  // namespace memtrace
