// The one order in which a snapshot's content is written.
#pragma once

#include <string_view>
#include <tuple>

#include "mtrace/snapshot.hpp"

namespace memtrace {

// The order of modules whose names are in canonical order.
std::tuple<StringId, std::string_view> canonical_key(const Module& module);

// The order of frames whose strings and modules are in canonical order.
inline std::tuple<bool, StringId, std::uint32_t, StringId, ModuleId, FrameKind, std::uint64_t>
canonical_key(const Frame& frame) {
  return {frame.is_address(), frame.filename, frame.lineno, frame.function,
          frame.module,       frame.kind,     frame.offset};
}

// The same content in canonical order (formats/snapshot.md, "One content, one file"): tables
// sorted, nothing unused, one row for each (node, domain), children of a node side by side. Two
// snapshots with the same content become equal. Linear in rows and nodes; needs as much memory
// again.
Snapshot canonical(const Snapshot& snapshot);

}  // namespace memtrace
