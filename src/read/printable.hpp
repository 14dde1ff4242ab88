// Text from a file, made fit for an error message.
#pragma once

#include <string>
#include <string_view>

namespace memtrace {

// What is not printable ASCII becomes \xNN, and long text is cut: a message stays one short line
// and cannot command a terminal.
std::string printable(std::string_view text);

}  // namespace memtrace
