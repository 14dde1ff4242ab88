// Files that people take for snapshots.
#pragma once

#include <string>
#include <string_view>

namespace memtrace {

// What the file is that begins so and is no snapshot, and what to do about it, as one sentence:
// "not a snapshot but a core dump: ...".
std::string why_not_a_snapshot(std::string_view start);

}  // namespace memtrace
