// A report as one page of HTML that opens anywhere: the program that draws it, and its data.
#pragma once

#include <string_view>

#include "page/page_data.hpp"

namespace memtrace {

// Whether this build has pages: their program is bundled where there is a bundler.
bool has_pages();

// The page loads nothing, and its policy allows nothing but its own program and style. Its data is
// JSON, in gzip, in base64. Throws Error.
void write_page(const PageInput& input, std::string_view title, Sink& sink);

}  // namespace memtrace
