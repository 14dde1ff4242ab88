// How memory went: over the time of a process, and from one snapshot of a series to the next.
#pragma once

#include <string>
#include <vector>

#include "mtrace/snapshot.hpp"
#include "mtrace/trend.hpp"
#include "render/json.hpp"

namespace memtrace {

// An object: "traced", "resident" and "held", each with times (milliseconds since the Unix epoch)
// and bytes, as far as they are known; the moments of the snapshot and of its start. Where there
// are more points than a picture shows, the highest and the lowest of neighbours stay.
void write_course(const Snapshot& snapshot, JsonWriter& json);

// Of the groups that lead; the heading says how many there are of each verdict.
inline constexpr std::size_t kMostPageSeries = 60;

// An object: the series of the whole, of the process' memory, and of the groups that lead, with
// their verdicts.
void write_series(const TrendReport& report, const std::vector<std::string>& strip_prefixes,
                  JsonWriter& json);

}  // namespace memtrace
