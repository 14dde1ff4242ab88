// The canonical order a second time, as a snapshot: what files are compared with.
#pragma once

#include "mtrace/snapshot.hpp"

namespace memtrace::test {

// The same content in canonical order (formats/snapshot.md, "One content, one file"): tables
// sorted, nothing unused, one row for each (node, domain), children of a node side by side. Two
// snapshots with the same content become equal.
Snapshot canonical(const Snapshot& snapshot);

}  // namespace memtrace::test
