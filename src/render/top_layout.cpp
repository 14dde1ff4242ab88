// The report of one snapshot: formats/top.schema.json.
#include <fmt/format.h>

#include "render/layout.hpp"
#include "render/memory_words.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

std::vector<FieldOf<Statistic>> fields_of(const TopReport& report) {
  const std::int64_t total = report.total.size;
  // In JSON, in CSV, on the screen, and where there.
  std::vector<FieldOf<Statistic>> fields = {
      {{"rank", "rank", "", 0, Unit::rank}},
      {{"size", "size", "size", 1, Unit::bytes, Role::value, Emphasis::strong},
       [](const Statistic& group) { return group.amount.size; }},
      {{"", "", "%", 3, Unit::percent},
       [total](const Statistic& group) { return share_of(group.amount.size, total); }},
      {{"", "", "share", 4, Unit::bar},
       [total](const Statistic& group) { return share_of(group.amount.size, total) / 100; }},
      {{"count", "count", "count", 5, Unit::blocks},
       [](const Statistic& group) { return group.amount.count; }},
      {{"average", "average", "average", 6, Unit::average},
       [](const Statistic& group) { return group.amount; }}};
  if (const auto work = report.metadata.work; work && *work > 0) {
    fields.push_back({{"size_per_work", "size_per_work", "bytes/work", 7, Unit::number},
                      [units = static_cast<double>(*work)](const Statistic& group) {
                        return static_cast<double>(group.amount.size) / units;
                      }});
  }
  add_errors_and_location(fields, report, 2);
  return fields;
}

// "81,000 units of work: 10.3 bytes a unit"
Sentence work_words(const TopReport& report) {
  const std::optional<std::uint64_t>& work = report.metadata.work;
  if (!work) return {};
  Sentence words(counted(*work, "unit", "units") + " of work");
  if (*work == 0) return words;
  const double size = static_cast<double>(report.total.size) / static_cast<double>(*work);
  return words.say(fmt::format(": {:.4g} bytes a unit", size));
}

// Two lines: what was read, and how much of it was selected.
void add_heading(std::vector<Note>& heading, const TopReport& report, std::string_view path) {
  const Metadata& metadata = report.metadata;
  const auto size = static_cast<std::uint64_t>(report.total.size);
  const auto count = static_cast<std::uint64_t>(report.total.count);
  // Some formats know no blocks.
  const std::string blocks =
      count == 0 && size > 0 ? "" : " in " + counted(count, "block", "blocks");
  const Sentence amounts = Sentence().bytes(size).say(blocks);
  heading.push_back(snapshot_note(metadata, path));
  add_whole_snapshot(heading, metadata, path, {});
  heading.push_back(
      {.text = total_words(report, Sentence(amounts).say(", ")),
       .emphasis = Emphasis::strong,
       .headline = true,
       .shorter = Sentence(fmt::format("{}: ", name_of(report.selection().metric))).join(amounts)});
  heading.push_back(memory_note(metadata, metadata.current != size));
  heading.push_back({.text = work_words(report), .detail = true, .goes_on = true});
}

Sentence nothing_words(const TopReport& report) {
  if (!report.statistics.empty()) return {};
  if (report.groups() == 0) return nothing_selected(report);
  return Sentence("no group of at least ").size(report.min_size());
}

// "… 3,211 more: 96.1 MiB (11.8%)"; groups that overlap do not add up.
Sentence rest_words(const TopReport& report) {
  if (report.rest_groups == 0) return {};
  Sentence words("… " + grouped_digits(report.rest_groups) + " more");
  if (report.selection().cumulative) return words;
  return words.say(": ")
      .size(report.rest.size)
      .say(" (" + percent_of(report.rest.size, report.total.size) + ")");
}

Facts rest_facts(const TopReport& report) {
  const bool known = !report.selection().cumulative;
  return {{"groups", report.rest_groups},
          {"size", known ? std::optional(report.rest.size) : std::nullopt},
          {"count", known ? std::optional(report.rest.count) : std::nullopt}};
}

}  // namespace

Document lay_out(const TopReport& report, std::string_view path) {
  Document document{.schema = "mtrace.top/1", .title = "Memory"};
  add_heading(document.heading, report, path);
  add_losses(document.heading, report.metadata, {});
  add_selection(document.heading, report, "groups");

  document.facts.emplace_back("snapshot", snapshot_facts(report.metadata, path));
  add_settings(document.facts, report);
  Facts total = amount_facts(report.total);
  add_standard_error(total, report, report.total_variance);
  document.facts.emplace_back("total", std::move(total));
  document.facts.emplace_back("groups", report.groups());

  Section section{.rows_key = "statistics", .sentence = "{size} ({%}) in {count}: {location}"};
  set_rows(section, report.statistics, fields_of(report));
  section.nothing = nothing_words(report);
  section.rest = rest_words(report);
  section.rest_facts = rest_facts(report);
  // Where most of what is resident is elsewhere, the rows are not the answer.
  if (Sentence gap = gap_words(report.metadata); !gap.empty()) {
    section.footer.push_back({.text = std::move(gap), .detail = true});
  }
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace memtrace
