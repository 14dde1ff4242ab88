// Filters that match nothing, and what was perhaps meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mtrace/report.hpp"

namespace memtrace {

// Whether the selection has any pattern, glob or prefix that could fail to match.
bool has_filters(const Selection& selection);

// `given`: as they came in; `named`: with prefixes mapped, which frames are hidden by; `visible`:
// what is left then, with the frames that are the most recent ones of some block marked. Costs a
// pass over the frames for each filter, and a few more for one that matches nothing.
std::vector<UnmatchedFilter> unmatched_filters(const Tracebacks& given, const Tracebacks& named,
                                               const Tracebacks& visible,
                                               const IdVector<FrameId, char>& most_recent,
                                               const Selection& selection);

// The path of a folder in which some file is, by the folder's last component; empty where there is
// none.
std::string folder_called(const Tracebacks& tables, std::string_view folder);

}  // namespace memtrace
