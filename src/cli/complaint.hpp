// Words on standard error.
#pragma once

#include <string_view>

namespace memtrace {

// One line that begins with "mtrace: ". Nothing in it moves a cursor or begins a line, and where
// standard error cannot be written, it is lost without further ado.
void complain(std::string_view message);

}  // namespace memtrace
