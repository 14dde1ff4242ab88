// What a selection looks at, in the words of the command line.
#pragma once

#include <string>
#include <vector>

#include "mtrace/selection.hpp"

namespace memtrace {

// The options that make the selection other than "everything": "--include=*.py", "--mine". Options
// that say how to count (group_by, metric, cumulative) are not filters. Raw text.
std::vector<std::string> filters_of(const Selection& selection);

}  // namespace memtrace
