// How each report is laid out as a document.
#pragma once

#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/check.hpp"
#include "mtrace/report.hpp"
#include "mtrace/snapshot_info.hpp"
#include "mtrace/trend.hpp"
#include "render/document.hpp"

namespace memtrace {

// The documents refer to the report, which must outlive them.
Document lay_out(const TopReport& report, std::string_view path);
Document lay_out(const DiffReport& report, std::string_view before_path,
                 std::string_view after_path);
// The report says when it is reached: by what is selected, or by the whole control group, which has
// used a part of it.
struct MemoryLimit {
  std::int64_t size = 0;  // bytes
  bool is_cgroup = false;
  std::int64_t used = 0;  // bytes
};
Document lay_out(const TrendReport& report, std::span<const std::string> paths,
                 const std::optional<MemoryLimit>& limit);
Document lay_out(const SnapshotInfo& info, std::string_view path);

// Where a check's input came from; what was not given is empty.
struct CheckPaths {
  std::string snapshot, baseline, budget, suppressions;
};
Document lay_out(const CheckReport& report, const CheckPaths& paths);
// Of a limit that is neither kept nor exceeded, why not. Empty for others.
Sentence doubt_words(const CheckReport& report, const LimitResult& result);

// What layouts have in common: the heading says what was read, selected and lost.

// What is known of a snapshot: for people, a line about what is called `label`, or a few where they
// want more; and for programs, one object.
// What it is, and what it says of memory, which may go on on another line than the first.
Note snapshot_note(const Metadata& metadata, std::string_view path);
Note memory_note(const Metadata& metadata, bool with_current);
// Only for those who want more.
void add_whole_snapshot(std::vector<Note>& heading, const Metadata& metadata, std::string_view path,
                        std::string_view label);
// All of these.
void add_snapshot(std::vector<Note>& heading, const Metadata& metadata, std::string_view path,
                  std::string_view label);
void add_losses(std::vector<Note>& heading, const Metadata& metadata, std::string_view label);
// Where only the file's header was read, all of that is told; the header may not say what was lost.
enum class HeaderOnly : std::uint8_t { no, yes, without_losses };
Facts snapshot_facts(const Metadata& metadata, std::string_view path,
                     HeaderOnly header = HeaderOnly::no);

// Null in JSON where it is empty.
std::optional<std::string> if_known(const std::string& text);

// The filters, the smallest size of `groups`, moved lines and hidden frames.
void add_selection(std::vector<Note>& heading, const Report& report, std::string_view groups);
void add_settings(Facts& facts, const Report& report);

// "live: 3,221 groups by lineno", with what else is said between the two.
Sentence total_words(const Report& report, const Sentence& amounts);
Sentence nothing_selected(const Report& report);

Facts amount_facts(const Amount& amount);
// Only where sampling made the amounts estimates.
void add_standard_error(Facts& facts, const Report& report, const Variance& variance);
template <class Item>
void add_location(std::vector<FieldOf<Item>>& fields, const Report& report) {
  fields.push_back({{.json = "traceback",
                     .csv = "traceback",
                     .title = "location",
                     .place = 9,
                     .unit = Unit::location,
                     .group_by = report.selection().group_by},
                    [&report](const Item& item) {
                      return Place{&report, item.group};
                    }});
  if (report.moved_lines() == 0) return;
  fields.push_back({{.csv = "moved_from",
                     .unit = Unit::location,
                     .role = Role::former,
                     .group_by = report.selection().group_by},
                    [&report](const Item& item) {
                      return Place{&report, item.group};
                    }});
}
// The standard errors of a row's estimate, the one of its size shown at `place`, and its location.
template <class Item>
void add_errors_and_location(std::vector<FieldOf<Item>>& fields, const Report& report,
                             std::uint8_t place) {
  constexpr Role kError = Role::standard_error;
  if (report.is_estimate()) {
    fields.push_back({{"size", "size", "error", place, Unit::bytes, kError, Emphasis::quiet},
                      [](const Item& item) { return std::sqrt(item.variance.size); }});
    fields.push_back({{"count", "count", "", 0, Unit::blocks, kError},
                      [](const Item& item) { return std::sqrt(item.variance.count); }});
  }
  add_location(fields, report);
}

// The options that make the selection other than "everything": "--include=*.py", "--mine". Options
// that say how to count (group_by, metric, cumulative) are not filters. Raw text.
std::vector<std::string> filters_of(const Selection& selection);

}  // namespace memtrace
