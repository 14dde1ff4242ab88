// What runs before this one left under the names that it will give.
#pragma once

#include <cstdint>
#include <string>

namespace memtrace {

// How many snapshots a process counts as its own earlier ones, so that it replaces none of those
// that are there: the highest number among them, and one more where the newest has the plain name,
// which the next snapshot of a series turns into an earlier one. 0 where names differ by process.
// `pattern` is an absolute path.
std::uint64_t number_of_last_snapshot(const std::string& pattern);

// "app.zst" and 7: "app.7.zst".
std::string earlier_path(const std::string& path, std::uint64_t number);

}  // namespace memtrace
