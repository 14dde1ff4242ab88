// Putting groups into their total order, and cutting the list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "analysis/grouping.hpp"

namespace memtrace {

// Orders statistics by `before(a, b)` and keeps the first `limit` (0: all). Keeping few of many
// costs a pass over them, not a sort.
template <class T, class Before>
void rank(std::vector<T>& statistics, std::uint64_t limit, const Before& before) {
  if (limit == 0 || limit >= statistics.size()) {
    std::sort(statistics.begin(), statistics.end(), before);
    return;
  }
  const auto end = statistics.begin() + static_cast<std::ptrdiff_t>(limit);
  std::partial_sort(statistics.begin(), end, statistics.end(), before);
  statistics.resize(limit);
}

// Whether a sort key exists for one snapshot, for two. Throws Error.
void validate_top(const Ranking& ranking);
void validate_diff(const Ranking& ranking);

}  // namespace memtrace
