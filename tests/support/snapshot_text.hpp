// Snapshots from a few lines of text.
#pragma once

#include <string_view>

#include "mtrace/snapshot.hpp"

namespace memtrace::test {

// Each line is a row: DOMAIN SIZE COUNT FRAME..., oldest frame first. A frame is FILE:LINE, or
// FILE:LINE@FUNCTION, or MODULE+0xOFFSET for one that is not resolved. Only the live metric; more
// than one word of SIZE (live,peak,total) gives all three, and so for COUNT.
//
//   0 1024 2 main.py:1 worker.py:20
//   1 10,20,30 1,2,3 main:5@main libx.so+0x1f3a
Snapshot snapshot_of(std::string_view text);

// The whole content, in canonical order, as `mtrace info --dump` prints it.
std::string dump_of(const Snapshot& snapshot);

}  // namespace memtrace::test
