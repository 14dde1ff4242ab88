// The report of what changed between two snapshots: formats/diff.schema.json.
#include <fmt/format.h>

#include "render/layout.hpp"
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

std::vector<FieldOf<StatisticDiff>> fields_of(const DiffReport& report) {
  // In JSON, in CSV, on the screen, and where there.
  std::vector<FieldOf<StatisticDiff>> fields = {
      {{"rank", "rank", "", 0, Unit::rank}},
      {{"change", "", "", 7, Unit::verdict},
       [](const StatisticDiff& group) { return mark_of(group.change()); }},
      {{"size", "size", "size", 3, Unit::bytes, Role::value, Emphasis::strong},
       [](const StatisticDiff& group) { return group.after.size; }},
      {{"size_diff", "size_diff", "size diff", 1, Unit::bytes, Role::change, Emphasis::by_sign},
       [](const StatisticDiff& group) { return group.size_diff(); }},
      {{"count", "count", "count", 5, Unit::blocks},
       [](const StatisticDiff& group) { return group.after.count; }},
      {{"count_diff", "count_diff", "count diff", 4, Unit::blocks, Role::change},
       [](const StatisticDiff& group) { return group.count_diff(); }},
      {{"average", "average", "", 0, Unit::average},
       [](const StatisticDiff& group) { return group.after; }}};
  if (const auto work = work_between(report)) {
    fields.push_back({{"size_diff_per_work", "size_diff_per_work", "bytes/work", 6, Unit::number},
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
Sentence change_words(const ChangeCounts& changes) {
  return fmt::format("groups: {} added, {} removed, {} grown, {} shrunk, {} unchanged",
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

}  // namespace

Document lay_out(const DiffReport& report, std::string_view before_path,
                 std::string_view after_path) {
  Document document{.schema = "mtrace.diff/1", .title = "Memory: what changed"};
  add_snapshot(document.heading, report.metadata_before, before_path, "before");
  add_losses(document.heading, report.metadata_before, "before");
  add_snapshot(document.heading, report.metadata_after, after_path, "after");
  add_losses(document.heading, report.metadata_after, "after");
  document.heading.push_back({total_words(report, {}), Emphasis::strong});
  document.heading.push_back(
      {.text = memory_change(report.metadata_before, report.metadata_after), .detail = true});
  if (const auto work = work_between(report)) {
    document.heading.push_back({.text = counted(*work, "unit", "units") + " of work between them"});
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
  if (report.groups() > 0) {
    section.footer = {{change_words(changes)},
                      {.text = total_change_words(report), .headline = true}};
  }
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace memtrace
