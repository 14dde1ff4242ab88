// The report of what is within its budgets: formats/check.schema.json.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// --- words ---

std::string_view noun_of(GroupBy group_by, bool is_plural) {
  switch (group_by) {
    case GroupBy::lineno:
      return is_plural ? "lines" : "line";
    case GroupBy::filename:
      return is_plural ? "files" : "file";
    case GroupBy::traceback:
      return is_plural ? "tracebacks" : "traceback";
    case GroupBy::function:
      return is_plural ? "functions" : "function";
    case GroupBy::module:
      return is_plural ? "modules" : "module";
    case GroupBy::domain:
      break;
  }
  return is_plural ? "domains" : "domain";
}

std::string counted_groups(const LimitResult& result) {
  const GroupBy group_by = result.report->selection().group_by;
  return counted(result.groups_over, noun_of(group_by, false), noun_of(group_by, true));
}

// "peak growth", whatever it is measured of.
std::string quantity_of(const LimitResult& result) {
  const Metric metric = result.report->selection().metric;
  const std::string of =
      metric == Metric::live ? std::string() : std::string(name_of(metric)) + " ";
  switch (result.kind) {
    case LimitKind::max_size:
      return of + "size";
    case LimitKind::max_peak:
      return "peak";
    case LimitKind::max_count:
      return of + "count";
    case LimitKind::max_growth:
      return of + "growth";
    case LimitKind::fail_on_new:
      break;
  }
  return fmt::format("new {}", noun_of(result.report->selection().group_by, true));
}

bool is_per_group(const Budget& budget, const LimitResult& result) {
  return budget.limits.per_group && result.kind != LimitKind::fail_on_new;
}

// "size per line".
std::string measure_of(const Budget& budget, const LimitResult& result) {
  std::string words = quantity_of(result);
  if (is_per_group(budget, result)) {
    words += fmt::format(" per {}", noun_of(result.report->selection().group_by, false));
  }
  return words;
}

bool is_in_bytes(LimitKind kind) {
  return kind != LimitKind::max_count && kind != LimitKind::fail_on_new;
}

Sentence amount_words(LimitKind kind, std::int64_t amount, Sign sign = Sign::negative_only) {
  if (is_in_bytes(kind)) return Sentence().size(amount, sign);
  return grouped_digits(amount, sign);
}

// "64.0 KiB and 5%".
Sentence limit_words(const Budget& budget, LimitKind kind, std::int64_t allowed) {
  if (kind != LimitKind::max_growth) return amount_words(kind, allowed);
  const Limits& limits = budget.limits;
  Sentence words;
  if (limits.max_growth) words.size(*limits.max_growth);
  if (limits.max_growth_percent) {
    words.say(fmt::format("{}{:g}%", words.empty() ? "" : " and ", *limits.max_growth_percent));
  }
  return words;
}

Sentence measured_words(const LimitResult& result) {
  const bool is_growth = result.kind == LimitKind::max_growth;
  Sentence words =
      amount_words(result.kind, result.measured, is_growth ? Sign::always : Sign::negative_only);
  if (result.error > 0 && result.report->is_estimate()) {
    words.say(" ±").join(amount_words(result.kind, std::llround(result.error)));
  }
  if (is_growth && result.measured_before > 0) {
    words.say(fmt::format(
        " ({})", percent_change(result.measured_before, result.measured_before + result.measured)));
  }
  return words;
}

// "size: 12.3 MiB, 2.3 MiB over the limit of 10.0 MiB"
Sentence verdict_words(const Budget& budget, const LimitResult& result) {
  const Sentence limit = limit_words(budget, result.kind, result.allowed);
  Sentence words(measure_of(budget, result) + ": ");
  if (result.kind == LimitKind::fail_on_new) return words.join(measured_words(result));
  if (!result.is_over()) {
    return words.join(measured_words(result)).say(", within the limit of ").join(limit);
  }
  const Sentence excess = amount_words(result.kind, result.excess());
  if (!is_per_group(budget, result)) {
    return words.join(measured_words(result))
        .say(", ")
        .join(excess)
        .say(" over the limit of ")
        .join(limit);
  }
  words.say(counted_groups(result) + (result.groups_over == 1 ? " is" : " are") +
            " over the limit of ");
  return words.join(limit).say(", the worst by ").join(excess);
}

std::string command_of(const CheckReport& report, const LimitResult& result,
                       const CheckPaths& paths) {
  const Selection& selection = result.report->selection();
  const bool compares = report.budgets[result.budget].limits.needs_baseline() &&
                        (result.kind == LimitKind::max_growth || !is_in_bytes(result.kind)) &&
                        result.kind != LimitKind::max_count;
  std::vector<std::string> words = {"mtrace", compares ? "diff" : "top"};
  if (compares) words.push_back(paths.baseline);
  words.push_back(paths.snapshot);
  if (compares) words.emplace_back("--sort=growth");
  if (result.kind == LimitKind::max_count) words.emplace_back("--sort=count");
  if (selection.group_by != GroupBy::lineno) {
    words.push_back(fmt::format("--group-by={}", name_of(selection.group_by)));
  }
  if (selection.metric != Metric::live) {
    words.push_back(fmt::format("--metric={}", name_of(selection.metric)));
  }
  if (selection.cumulative) words.emplace_back("--cumulative");
  for (std::string& filter : filters_of(selection)) words.push_back(std::move(filter));
  return shell_words(words);
}

// What is said of a line in its place.
Sentence offender_words(const LimitResult& result, const Offender& offender) {
  const std::string_view noun = noun_of(result.report->selection().group_by, false);
  const std::int64_t growth = offender.after.size - offender.before.size;
  switch (result.kind) {
    case LimitKind::fail_on_new:
      return Sentence(fmt::format("this {} is new: ", noun)).size(offender.after.size);
    case LimitKind::max_growth:
      return Sentence().size(growth, Sign::always).say(fmt::format(" in this {}", noun));
    case LimitKind::max_count:
      return counted(static_cast<std::uint64_t>(offender.after.count), "block", "blocks") +
             fmt::format(" of this {}", noun);
    case LimitKind::max_size:
    case LimitKind::max_peak:
      break;
  }
  return Sentence().size(offender.after.size).say(fmt::format(" in this {}", noun));
}

// --- all limits at a glance ---

struct Overview {
  Mark verdict;
  std::string_view name, kind;
  Sentence measure, measured, limit, excess;
  const Budget* budget;
  const LimitResult* result;
};

Mark mark_of(const LimitResult& result) {
  return result.is_over() ? Mark{"over", "over", Emphasis::worse} : Mark{"within", "within"};
}

std::optional<std::int64_t> limit_value(const Budget& budget, const LimitResult& result) {
  return result.kind == LimitKind::max_growth ? budget.limits.max_growth
                                              : std::optional(result.allowed);
}

std::optional<double> limit_percent(const Budget& budget, const LimitResult& result) {
  return result.kind == LimitKind::max_growth ? budget.limits.max_growth_percent : std::nullopt;
}

template <class T>
Cell if_given(const std::optional<T>& value) {
  return value ? Cell(*value) : Cell();
}

// NOLINTNEXTLINE(readability-function-size): a table.
std::vector<FieldOf<Overview>> overview_fields() {
  using Item = Overview;
  // In JSON, in CSV, on the screen, and where there.
  return {
      {{"", "budget", "budget", 2, Unit::text}, [](const Item& item) { return item.name; }},
      {{"", "kind", "", 0, Unit::text}, [](const Item& item) { return item.kind; }},
      {{"", "group_by", "", 0, Unit::text},
       [](const Item& item) {
         const bool has_groups =
             item.budget->limits.per_group || item.result->kind == LimitKind::fail_on_new;
         return has_groups ? Cell(name_of(item.result->report->selection().group_by)) : Cell();
       }},
      {{"", "value", "", 0, Unit::number},
       [](const Item& item) { return if_given(limit_value(*item.budget, *item.result)); }},
      {{"", "percent", "", 0, Unit::number},
       [](const Item& item) { return if_given(limit_percent(*item.budget, *item.result)); }},
      {{"", "measured", "", 0, Unit::number},
       [](const Item& item) { return item.result->measured; }},
      {{"", "excess", "", 0, Unit::number}, [](const Item& item) { return item.result->excess(); }},
      {{"", "result", "verdict", 1, Unit::verdict}, [](const Item& item) { return item.verdict; }},
      {{"", "", "what", 3, Unit::text}, [](const Item& item) { return &item.measure; }},
      {{"", "", "measured", 4, Unit::number, Role::value, Emphasis::strong},
       [](const Item& item) { return &item.measured; }},
      {{"", "", "limit", 5, Unit::number}, [](const Item& item) { return &item.limit; }},
      {{"", "", "over by", 6, Unit::number}, [](const Item& item) { return &item.excess; }}};
}

Section overview_section(const CheckReport& report) {
  const auto rows = std::make_shared<std::vector<Overview>>();
  for (const LimitResult& result : report.results) {
    const Budget& budget = report.budgets[result.budget];
    rows->push_back({mark_of(result), budget.name, name_of(result.kind), measure_of(budget, result),
                     measured_words(result), limit_words(budget, result.kind, result.allowed),
                     amount_words(result.kind, result.excess(), Sign::always), &budget, &result});
  }
  std::vector<FieldOf<Overview>> fields = overview_fields();
  // The rows live as long as the section.
  const auto first = fields.front().value;
  fields.front().value = [rows, first](const Overview& item) { return first(item); };
  Section section;
  set_rows(section, *rows, std::move(fields));
  return section;
}

// --- one limit ---

std::vector<FieldOf<Offender>> offender_fields(const Budget& budget, const LimitResult& result) {
  using Item = Offender;
  const bool compares =
      result.kind == LimitKind::max_growth || result.kind == LimitKind::fail_on_new;
  std::vector<FieldOf<Item>> fields = {
      {{"rank", "", "", 0, Unit::rank}},
      {{"size", "", "size", 3, Unit::bytes, Role::value, Emphasis::strong},
       [](const Item& group) { return group.after.size; }},
      {{"count", "", "count", 5, Unit::blocks},
       [](const Item& group) { return group.after.count; }},
      {{"average", "", "", 0, Unit::average}, [](const Item& group) { return group.after; }}};
  if (compares) {
    fields.push_back(
        {{"size_diff", "", "size diff", 1, Unit::bytes, Role::change, Emphasis::by_sign},
         [](const Item& group) { return group.after.size - group.before.size; }});
    fields.push_back({{"count_diff", "", "count diff", 4, Unit::blocks, Role::change},
                      [](const Item& group) { return group.after.count - group.before.count; }});
  }
  if (is_per_group(budget, result)) {
    const Unit unit = is_in_bytes(result.kind) ? Unit::bytes : Unit::blocks;
    fields.push_back({{"excess", "", "over by", 6, unit, Role::change, Emphasis::worse},
                      [](const Item& group) { return group.excess; }});
  }
  add_errors_and_location(fields, *result.report, compares ? 2 : 4);
  // One line a limit is all that fits into CSV.
  for (FieldOf<Item>& field : fields) field.field.csv = {};
  return fields;
}

// "… 12 more": of those that are over the limit, or of all that make the sum.
Sentence rest_words(const Budget& budget, const LimitResult& result) {
  const bool has_groups = is_per_group(budget, result) || result.kind == LimitKind::fail_on_new;
  const std::uint64_t all = has_groups ? result.groups_over : result.report->groups();
  const std::uint64_t shown = result.offenders.size();
  return all > shown ? Sentence("… " + grouped_digits(all - shown) + " more") : Sentence();
}

Facts facts_of(const CheckReport& report, const LimitResult& result, const CheckPaths& paths) {
  const Budget& budget = report.budgets[result.budget];
  const Selection& selection = result.report->selection();
  const bool has_groups = budget.limits.per_group || result.kind == LimitKind::fail_on_new;
  const bool is_estimate = result.report->is_estimate();
  return {{"name", budget.name},
          {"reason", if_known(budget.reason)},
          {"owner", if_known(budget.owner)},
          {"expires", if_known(budget.expires)},
          {"line", budget.line == 0 ? std::nullopt : std::optional(budget.line)},
          {"group_by", name_of(selection.group_by)},
          {"cumulative", selection.cumulative},
          {"metric", name_of(selection.metric)},
          {"filters", filters_of(selection)},
          {"min_size", budget.limits.min_size},
          {"per_group", has_groups},
          {"limit", Facts{{"kind", name_of(result.kind)},
                          {"value", limit_value(budget, result)},
                          {"percent", limit_percent(budget, result)}}},
          {"measured", result.measured},
          {"excess", result.excess()},
          {"standard_error", is_estimate ? std::optional(result.error / 2) : std::nullopt},
          {"result", result.is_over() ? "over" : "within"},
          {"groups_over", has_groups ? std::optional(result.groups_over) : std::nullopt},
          {"command", command_of(report, result, paths)}};
}

Section limit_section(const CheckReport& report, const LimitResult& result,
                      const CheckPaths& paths) {
  const Budget& budget = report.budgets[result.budget];
  Section section{.facts = facts_of(report, result, paths),
                  .rows_key = "offenders",
                  .sentence = "{size} in {count}: {location}"};
  if (!result.is_over()) return section;
  Sentence verdict;
  verdict.name(budget.name).say(": ").join(verdict_words(budget, result));
  section.heading.push_back({std::move(verdict), Emphasis::worse});
  const auto add = [&](std::string_view what, const std::string& text) {
    if (!text.empty()) {
      section.heading.push_back({Sentence(std::string(what)).name(text), Emphasis::quiet});
    }
  };
  add("reason: ", budget.reason);
  add("owner: ", budget.owner);
  set_rows(section, result.offenders, offender_fields(budget, result));
  section.rest = rest_words(budget, result);
  section.footer.push_back(
      {Sentence("more: ").name(command_of(report, result, paths)), Emphasis::quiet});
  return section;
}

// --- the heading ---

// "over budget: 2 of 5 limits"
std::string headline(const CheckReport& report) {
  const auto over =
      static_cast<std::uint64_t>(std::ranges::count_if(report.results, &LimitResult::is_over));
  const std::uint64_t all = report.results.size();
  if (over == 0) return "within budget: " + counted(all, "limit", "limits");
  return fmt::format("over budget: {} of {}", grouped_digits(over),
                     counted(all, "limit", "limits"));
}

Suppressed all_suppressed(const CheckReport& report) {
  Suppressed all;
  for (const Suppressed& each : report.suppressed) {
    all.metric = each.metric;
    all.amount.size += each.amount.size;
    all.amount.count += each.amount.count;
  }
  return all;
}

void add_heading(Document& document, const CheckReport& report, const CheckPaths& paths) {
  std::vector<Note>& heading = document.heading;
  std::string_view label;
  if (report.baseline) {
    add_snapshot(heading, *report.baseline, paths.baseline, "before");
    add_losses(heading, *report.baseline, "before");
    label = "after";
  }
  add_snapshot(heading, report.metadata, paths.snapshot, label);
  add_losses(heading, report.metadata, label);
  if (!paths.budget.empty()) {
    heading.push_back({Sentence("budgets of ").name(paths.budget)});
  }
  if (!paths.suppressions.empty()) {
    const Suppressed all = all_suppressed(report);
    heading.push_back({Sentence("suppressed by ")
                           .name(paths.suppressions)
                           .say(": ")
                           .bytes(static_cast<std::uint64_t>(all.amount.size))
                           .say(fmt::format(" in {}, {}",
                                            counted(static_cast<std::uint64_t>(all.amount.count),
                                                    "block", "blocks"),
                                            name_of(all.metric))),
                       Emphasis::quiet});
  }
  heading.push_back({.text = headline(report),
                     .emphasis = report.is_over() ? Emphasis::worse : Emphasis::better,
                     .headline = true});
}

Fact suppressed_fact(const CheckReport& report, const CheckPaths& paths) {
  if (paths.suppressions.empty()) return {"suppressed", nullptr};
  const Suppressed all = all_suppressed(report);
  std::vector<Facts> each_one;
  for (const Suppressed& each : report.suppressed) {
    each_one.push_back({{"pattern", each.by.pattern},
                        {"line", each.by.line},
                        {"size", each.amount.size},
                        {"count", each.amount.count}});
  }
  return {"suppressed", Facts{{"path", paths.suppressions},
                              {"metric", name_of(all.metric)},
                              {"size", all.amount.size},
                              {"count", all.amount.count},
                              {"suppressions", std::move(each_one)}}};
}

// --- for CI systems ---

double severity_of(const LimitResult& result) {
  if (result.allowed <= 0) return std::numeric_limits<double>::infinity();
  return static_cast<double>(result.measured) / static_cast<double>(result.allowed);
}

Measurement measurement_of(const CheckReport& report, const LimitResult& result,
                           const CheckPaths& paths) {
  const Budget& budget = report.budgets[result.budget];
  Measurement measurement{.name = budget.name,
                          .limit = name_of(result.kind),
                          .measure = measure_of(budget, result),
                          .unit = is_in_bytes(result.kind)              ? "bytes"
                                  : result.kind == LimitKind::max_count ? "blocks"
                                                                        : "groups",
                          .value = result.measured,
                          .error = result.report->is_estimate() ? result.error : 0,
                          .severity = severity_of(result),
                          .is_over = result.is_over(),
                          .verdict = verdict_words(budget, result)};
  if (!budget.reason.empty())
    measurement.details.push_back(Sentence("reason: ").name(budget.reason));
  if (!budget.owner.empty()) measurement.details.push_back(Sentence("owner: ").name(budget.owner));
  measurement.details.push_back(Sentence("more: ").name(command_of(report, result, paths)));
  for (const Offender& offender : result.offenders) {
    measurement.lines.push_back(
        {{result.report.get(), offender.group}, offender_words(result, offender)});
  }
  if (budget.line != 0) {
    measurement.file = paths.budget;
    measurement.lineno = budget.line;
  }
  return measurement;
}

}  // namespace

Sentence doubt_words(const CheckReport& report, const LimitResult& result) {
  const Budget& budget = report.budgets[result.budget];
  const Sentence limit = limit_words(budget, result.kind, result.allowed);
  switch (result.finding) {
    case Finding::nothing_selected:
      return "nothing to judge: no memory blocks match";
    case Finding::too_close:
      return Sentence("samples cannot tell: " + measure_of(budget, result) + " ")
          .join(measured_words(result))
          .say(", two standard errors, is too close to the limit of ")
          .join(limit);
    case Finding::unseen:
      return Sentence(fmt::format("samples cannot tell: a {} that none of them hit may hold ",
                                  noun_of(result.report->selection().group_by, false)))
          .size(std::llround(result.error))
          .say(result.kind == LimitKind::fail_on_new ? ", so that what is new is not known"
                                                     : ", more than is allowed");
    case Finding::within:
    case Finding::over:
      break;
  }
  return {};
}

Document lay_out(const CheckReport& report, const CheckPaths& paths) {
  Document document{.schema = "mtrace.check/1", .title = "Memory: is it within budget?"};
  add_heading(document, report, paths);
  Facts& facts = document.facts;
  facts.emplace_back("result", report.is_over() ? "over" : "within");
  facts.emplace_back("snapshot", snapshot_facts(report.metadata, paths.snapshot));
  if (report.baseline) {
    facts.emplace_back("baseline", snapshot_facts(*report.baseline, paths.baseline));
  } else {
    facts.emplace_back("baseline", nullptr);
  }
  facts.emplace_back("budget_file", if_known(paths.budget));
  facts.push_back(suppressed_fact(report, paths));
  document.sections_key = "budgets";
  document.sections.push_back(overview_section(report));
  for (const LimitResult& result : report.results) {
    document.sections.push_back(limit_section(report, result, paths));
    document.measurements.push_back(measurement_of(report, result, paths));
  }
  return document;
}

}  // namespace memtrace
