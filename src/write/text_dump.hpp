// A snapshot as text: everything it holds, for tests and for people who debug the format.
#pragma once

#include <functional>
#include <string_view>

#include "mtrace/snapshot.hpp"

namespace memtrace {

// Calls `write` with one line after the other, in the snapshot's own order. What is not known is
// left out. Strings are quoted, with control characters and quotes escaped as in JSON.
void write_text_dump(const Snapshot& snapshot, const std::function<void(std::string_view)>& write);

}  // namespace memtrace
