// Signals as people write them.
#pragma once

#include <string_view>

namespace memtrace {

// "USR2", "SIGUSR2", "usr2" or "12": the number of a signal that a program can handle. Throws
// Error.
int parse_signal(std::string_view text);

}  // namespace memtrace
