// The report of what changed between two snapshots: formats/diff.schema.json.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/location.hpp"
#include "render/memory_words.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

Mark mark_of(Change change) {
  switch (change) {
    case Change::added:
      return {"added", "NEW ", Emphasis::worse};
    case Change::removed:
      return {"removed", "GONE", Emphasis::better};
    case Change::grown:
      return {"grown", {}};
    case Change::shrunk:
      return {"shrunk", {}};
    case Change::unchanged:
      break;
  }
  return {"unchanged", {}};
}

// Units that were done between the two; none where that is not known, or there were none.
std::optional<std::uint64_t> work_between(const DiffReport& report) {
  const auto &before = report.metadata_before.work, &after = report.metadata_after.work;
  if (!before || !after || *after <= *before) return std::nullopt;
  return *after - *before;
}

// Of the biggest change that is shown.
double part_of_biggest(const StatisticDiff& group, double biggest) {
  return biggest > 0 ? static_cast<double>(group.size_diff()) / biggest : 0;
}

std::vector<FieldOf<StatisticDiff>> fields_of(const DiffReport& report) {
  double biggest = 0;
  for (const StatisticDiff& group : report.statistics) {
    biggest = std::max(biggest, std::abs(static_cast<double>(group.size_diff())));
  }
  // In JSON, in CSV, on the screen, and where there.
  std::vector<FieldOf<StatisticDiff>> fields = {
      {{"rank", "rank", "", 0, Unit::rank}},
      {{"change", "", "", 8, Unit::verdict},
       [](const StatisticDiff& group) { return mark_of(group.change()); }},
      {{"size", "size", "size", 4, Unit::bytes, Role::value, Emphasis::strong},
       [](const StatisticDiff& group) { return group.after.size; }},
      {{"size_diff", "size_diff", "size diff", 1, Unit::bytes, Role::change, Emphasis::by_sign},
       [](const StatisticDiff& group) { return group.size_diff(); }},
      {{"", "", "growth", 3, Unit::bar, Role::change, Emphasis::by_sign},
       [biggest](const StatisticDiff& group) { return part_of_biggest(group, biggest); }},
      {{"count", "count", "count", 6, Unit::blocks},
       [](const StatisticDiff& group) { return group.after.count; }},
      {{"count_diff", "count_diff", "count diff", 5, Unit::blocks, Role::change},
       [](const StatisticDiff& group) { return group.count_diff(); }},
      {{"average", "average", "", 0, Unit::average},
       [](const StatisticDiff& group) { return group.after; }}};
  if (const auto work = work_between(report)) {
    fields.push_back({{"size_diff_per_work", "size_diff_per_work", "bytes/work", 7, Unit::number},
                      [units = static_cast<double>(*work)](const StatisticDiff& group) {
                        return static_cast<double>(group.size_diff()) / units;
                      }});
  }
  add_errors_and_location(fields, report, 2);
  return fields;
}

Sentence nothing_words(const DiffReport& report) {
  if (!report.statistics.empty()) return {};
  if (report.groups() == 0) return nothing_selected(report);
  if (report.changes.unchanged == report.groups()) return "nothing changed";
  return Sentence("no change of at least ").size(report.min_size());
}

// "… 12 more: +1.2 MiB". Groups that did not change are not "more" where they are left out.
Sentence rest_words(const DiffReport& report) {
  const std::uint64_t unchanged = report.changed_only ? report.changes.unchanged : 0;
  if (report.rest_groups <= unchanged) return {};
  Sentence words("… " + grouped_digits(report.rest_groups - unchanged) + " more");
  if (report.selection().cumulative) return words;
  return words.say(": ").size(report.rest_after.size - report.rest_before.size, Sign::always);
}

Facts diff_facts(const Amount& before, const Amount& after) {
  return {{"size", after.size},
          {"size_diff", after.size - before.size},
          {"count", after.count},
          {"count_diff", after.count - before.count}};
}

Facts rest_facts(const DiffReport& report) {
  Facts facts = {{"groups", report.rest_groups}};
  for (Fact& fact : diff_facts(report.rest_before, report.rest_after)) {
    if (report.selection().cumulative) fact.value = nullptr;
    facts.push_back(std::move(fact));
  }
  return facts;
}

// "groups: 3 added, 1 removed, 12 grown, 4 shrunk, 120 unchanged"
Sentence change_words(std::string_view groups, const ChangeCounts& changes) {
  return fmt::format("{}: {} added, {} removed, {} grown, {} shrunk, {} unchanged", groups,
                     grouped_digits(changes.added), grouped_digits(changes.removed),
                     grouped_digits(changes.grown), grouped_digits(changes.shrunk),
                     grouped_digits(changes.unchanged));
}

// "before 81.2 MiB, after 92.0 MiB, change +10.8 MiB (+13.3%)"
Sentence total_change_words(const DiffReport& report) {
  const std::int64_t before = report.total_before.size, after = report.total_after.size;
  const std::string percent = percent_change(before, after);
  return Sentence("before ")
      .size(before)
      .say(", after ")
      .size(after)
      .say(", change ")
      .size(after - before, Sign::always)
      .say(percent.empty() ? "" : " (" + percent + ")");
}

// A name of what may be hundreds of characters.
constexpr std::size_t kWidestInSentence = 48;

std::string whole_percent(double part) {
  const double percent = std::round(part * 100);
  if (percent == 0) return "less than 1%";
  return fmt::format("{}{:.0f}%", percent == 100 && part < 1 ? "almost " : "", percent);
}

// "server.cpp:38 is 81% of the growth"; what the others did where they went the other way. Empty
// where nothing moved.
Sentence answer_words(const DiffReport& report) {
  const std::int64_t change = report.total_after.size - report.total_before.size;
  const int direction = change < 0 ? -1 : 1;
  const StatisticDiff* biggest = nullptr;
  for (const StatisticDiff& group : report.statistics) {
    const std::int64_t size = direction * group.size_diff();
    if (size > 0 && (biggest == nullptr || size > direction * biggest->size_diff())) {
      biggest = &group;
    }
  }
  if (biggest == nullptr) return {};
  const std::int64_t size = biggest->size_diff();
  Sentence words;
  const std::string name = short_name(report, biggest->group, kWidestInSentence);
  words.name(display_width(name) <= kWidestInSentence
                 ? name
                 : fmt::format("{}{}", kEllipsis, suffix_of_width(name, kWidestInSentence - 1)));
  const double part = change == 0 ? 2 : static_cast<double>(size) / static_cast<double>(change);
  if (part < 1.005) {
    return words.say(fmt::format(" is {}{} of the {}", report.is_estimate() ? "about " : "",
                                 whole_percent(part), change > 0 ? "growth" : "decrease"));
  }
  words.say(change < 0 ? " shrank by " : " grew by ").size(direction * size);
  if (report.selection().cumulative) return words;
  return words.say(change < 0 ? ", all others grew by " : ", all others shrank by ")
      .size(direction * (size - change));
}

void add_footer(std::vector<Note>& footer, const DiffReport& report) {
  const Selection& selection = report.selection();
  footer.push_back({.text = change_words("groups", report.changes), .when = Note::When::verbosely});
  footer.push_back({.text = change_words(fmt::format("{} by {}{}", name_of(selection.metric),
                                                     name_of(selection.group_by),
                                                     selection.cumulative ? ", cumulative" : ""),
                                         report.changes),
                    .when = Note::When::briefly});
  footer.push_back({.text = total_change_words(report), .headline = true});
  if (const auto work = work_between(report)) {
    footer.push_back({.text = counted(*work, "unit", "units") + " of work between them",
                      .when = Note::When::briefly,
                      .goes_on = true});
  }
  footer.push_back(
      {.text = memory_change(report.metadata_before, report.metadata_after), .detail = true});
  Sentence answer = answer_words(report);
  if (answer.empty()) return;
  footer.push_back({.text = std::move(answer),
                    .emphasis = Emphasis::strong,
                    .headline = true,
                    .one_line = true});
}

}  // namespace

Document lay_out(const DiffReport& report, std::string_view before_path,
                 std::string_view after_path) {
  Document document{.schema = "mtrace.diff/1", .title = "Memory: what changed"};
  add_snapshot(document.heading, report.metadata_before, before_path, "before");
  add_losses(document.heading, report.metadata_before, "before");
  add_snapshot(document.heading, report.metadata_after, after_path, "after");
  add_losses(document.heading, report.metadata_after, "after");
  document.heading.push_back({.text = total_words(report, {}),
                              .emphasis = Emphasis::strong,
                              .when = Note::When::verbosely});
  if (const auto work = work_between(report)) {
    document.heading.push_back({.text = counted(*work, "unit", "units") + " of work between them",
                                .when = Note::When::verbosely});
  }
  add_selection(document.heading, report, "changes");

  document.facts.emplace_back("before", snapshot_facts(report.metadata_before, before_path));
  document.facts.emplace_back("after", snapshot_facts(report.metadata_after, after_path));
  add_settings(document.facts, report);
  Facts total = diff_facts(report.total_before, report.total_after);
  add_standard_error(total, report, report.total_variance);
  document.facts.emplace_back("total", std::move(total));
  document.facts.emplace_back("groups", report.groups());
  const ChangeCounts& changes = report.changes;
  document.facts.emplace_back("changes", Facts{{"added", changes.added},
                                               {"removed", changes.removed},
                                               {"grown", changes.grown},
                                               {"shrunk", changes.shrunk},
                                               {"unchanged", changes.unchanged}});

  Section section{.rows_key = "statistics",
                  .sentence = "{size diff} to {size}, {count diff} to {count}: {change}{location}"};
  set_rows(section, report.statistics, fields_of(report));
  section.nothing = nothing_words(report);
  section.rest = rest_words(report);
  section.rest_facts = rest_facts(report);
  if (report.groups() > 0) add_footer(section.footer, report);
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace memtrace
