// What may mislead in a report, said on standard error.
#pragma once

#include <string>

#include "analysis/selected_rows.hpp"
#include "cli/output.hpp"
#include "mtrace/check.hpp"
#include "mtrace/report.hpp"
#include "mtrace/trend.hpp"

namespace memtrace {

// Filters that match nothing, with what would; of a diff, also memory of which no frame is visible:
// what is above a table says so, but what changed there may be anything.
void warn_of_selection(const TopReport& report, const OutputOptions& output);
void warn_of_selection(const DiffReport& report, const OutputOptions& output);
void warn_of_selection(const TrendReport& report, const OutputOptions& output);
void warn_of_selection(const SelectedRows& rows);
void warn_of_selection(const CheckReport& report, const OutputOptions& output);

// "--include 'app.py' matches nothing, did you mean '*/app.py'?"
std::string words_of(const UnmatchedFilter& filter);

// Two snapshots in the wrong order, of different programs, or taken in different ways.
void warn_of_differences(const Metadata& before, const Metadata& after,
                         const std::string& before_path, const std::string& after_path);
// Snapshots of different programs, or taken in different ways: once each.
void warn_of_differences(const TrendReport& report);

// Why two snapshots do not belong together: other programs, or settings. Empty where they do.
std::string difference_of(const Metadata& before, const Metadata& after);

}  // namespace memtrace
