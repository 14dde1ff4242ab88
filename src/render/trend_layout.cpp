// The report of what keeps growing: formats/trend.schema.json.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "render/layout.hpp"
#include "render/location.hpp"
#include "render/memory_words.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// So many sentences of one kind follow the rows.
constexpr std::size_t kMostSentences = 3;

constexpr std::string_view kPerUnit[] = {"per snapshot", "per hour", "per unit of work"};
constexpr std::string_view kCountPerUnit[] = {"count/snapshot", "count/hour", "count/work"};

std::string_view per_unit(const TrendReport& report) {
  return kPerUnit[static_cast<std::size_t>(report.options.unit)];
}

Mark mark_of(Verdict verdict) {
  const std::string_view name = name_of(verdict);
  switch (verdict) {
    case Verdict::growing:
      return {name, name, Emphasis::worse};
    case Verdict::filling:
    case Verdict::unsteady:
      return {name, name, Emphasis::warning};
    case Verdict::shrinking:
      return {name, name, Emphasis::better};
    case Verdict::flat:
      break;
  }
  return {name, name, Emphasis::quiet};
}

// Snapshots that are nanoseconds apart make slopes of any size.
std::int64_t whole_bytes(double size) {
  constexpr double kMost = 9e18;
  return std::llround(std::clamp(size, -kMost, kMost));
}

// What has no end is not known.
Cell finite(double number) {
  return std::isfinite(number) ? Cell(number) : Cell();
}

std::optional<double> if_finite(double number) {
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<std::string_view> if_doubted(const Judgement& judgement) {
  return judgement.doubt == Doubt::none ? std::nullopt : std::optional(name_of(judgement.doubt));
}

// NOLINTNEXTLINE(readability-function-size): a table.
std::vector<FieldOf<StatisticTrend>> fields_of(const TrendReport& report) {
  using Item = StatisticTrend;
  const std::string_view per_count = kCountPerUnit[static_cast<std::size_t>(report.options.unit)];
  // In JSON, in CSV, on the screen, and where there.
  std::vector<FieldOf<Item>> fields = {
      {{"rank", "rank", "", 0, Unit::rank}},
      {{"verdict", "verdict", "verdict", 1, Unit::verdict},
       [](const Item& group) { return mark_of(group.judgement.verdict); }},
      {{"doubt"},
       [](const Item& group) {
         const auto doubt = if_doubted(group.judgement);
         return doubt ? Cell(*doubt) : Cell();
       }},
      {{"size", "size", "size", 3, Unit::bytes, Role::value, Emphasis::strong},
       [](const Item& group) { return group.series.size.back(); }},
      {{"count", "count", "count", 4, Unit::blocks},
       [](const Item& group) { return group.series.count.back(); }},
      {{"slope", "slope", "", 0, Unit::bytes},
       [](const Item& group) { return finite(group.judgement.slope.value); }},
      {{"", "", per_unit(report), 2, Unit::bytes, Role::change, Emphasis::by_sign},
       [](const Item& group) { return whole_bytes(group.judgement.slope.value); }},
      {{"slope_low", "slope_low", "", 0, Unit::bytes},
       [](const Item& group) { return finite(group.judgement.slope.low); }},
      {{"slope_high", "slope_high", "", 0, Unit::bytes},
       [](const Item& group) { return finite(group.judgement.slope.high); }},
      {{"count_slope", "count_slope", per_count, 5, Unit::number},
       [](const Item& group) { return finite(group.judgement.count_slope); }},
      {{"windows", "windows", "", 0, Unit::blocks},
       [](const Item& group) { return static_cast<std::int64_t>(group.judgement.windows); }},
      {{"windows_grown", "windows_grown", "grew in a row", 6, Unit::blocks},
       [](const Item& group) { return static_cast<std::int64_t>(group.judgement.windows_grown); }},
      {{"more_snapshots", "", "", 0, Unit::number},
       [](const Item& group) {
         const auto& more = group.judgement.more_snapshots;
         return more ? Cell(static_cast<std::int64_t>(*more)) : Cell();
       }},
      {{"approaches", "", "", 0, Unit::bytes},
       [](const Item& group) {
         const auto& size = group.judgement.approaches;
         return size ? Cell(*size) : Cell();
       }},
      {{"sizes", "sizes", "course", 7, Unit::series},
       [](const Item& group) { return Course(group.series.size); }},
      {{"counts", "counts", "", 0, Unit::series},
       [](const Item& group) { return Course(group.series.count); }}};
  // Series have no standard error: their noise is part of the slope's interval.
  add_location(fields, report);
  return fields;
}

// --- above the rows ---

// "30 snapshots of shop (a.zst … z.zst), 2026-11-20 … to 2026-11-21 …, 11 h 20 min"
Sentence series_title(const TrendReport& report, std::span<const std::string> paths) {
  const Metadata& first = report.metadata.front();
  const Metadata& last = report.metadata.back();
  Sentence title(counted(report.metadata.size(), "snapshot", "snapshots"));
  if (!last.program.empty()) title.say(" of ").name(last.program);
  const auto name = [&](const std::string& path) {
    if (path == "-") {
      title.say("standard input");
    } else {
      title.name(path);
    }
  };
  title.say(" (");
  name(paths.front());
  title.say(" … ");
  name(paths.back());
  title.say(")");
  if (!first.created || !last.created) return title;
  title.say(fmt::format(", {} to {}", utc_time(*first.created), utc_time(*last.created)));
  std::int64_t passed = 0;
  const bool is_known = !__builtin_sub_overflow(*last.created, *first.created, &passed);
  return title.say(is_known && passed > 0 ? ": " + duration(passed) : "");
}

// Of all snapshots, the most that one of them lost.
Metadata worst_losses(const TrendReport& report) {
  Metadata worst;
  for (const Metadata& metadata : report.metadata) {
    const auto raise = [&](auto& most, const auto& value) { most = std::max(most, value); };
    raise(worst.losses.truncated_tracebacks, metadata.losses.truncated_tracebacks);
    raise(worst.losses.dropped_blocks, metadata.losses.dropped_blocks);
    raise(worst.losses.unknown_frees, metadata.losses.unknown_frees);
    raise(worst.losses.missing_threads, metadata.losses.missing_threads);
    raise(worst.sampling_rate, metadata.sampling_rate);
  }
  return worst;
}

// "growing: +1.2 MiB per hour"; how fast only where the whole moves, too.
Sentence verdict_words(const TrendReport& report) {
  const Judgement& total = report.total_judgement;
  Sentence words(std::string(name_of(report.verdict)));
  const bool moves = total.verdict == Verdict::growing || total.verdict == Verdict::shrinking;
  if (!moves || total.verdict != report.verdict) return words;
  return words.say(": ")
      .size(whole_bytes(total.slope.value), Sign::always)
      .say(fmt::format(" {} in all", per_unit(report)));
}

// "memory: traced 12.0 to 12.1 MiB (flat), held by glibc ... (growing), resident ... (growing)",
// and why where what is traced does not grow.
std::vector<Sentence> memory_words(const TrendReport& report) {
  if (!report.held && !report.resident) return {};
  const Metadata &first = report.metadata.front(), &last = report.metadata.back();
  Sentence words;
  const auto add = [&](const std::string& what, const std::optional<MemoryTrend>& trend) {
    if (!trend) return;
    words.say(words.empty() ? what : ", " + what)
        .say(" ")
        .size(trend->size.front())
        .say(" to ")
        .size(trend->size.back())
        .say(fmt::format(" ({})", name_of(trend->judgement.verdict)));
  };
  add("traced", report.traced);
  add("held by " + allocator_words(last.memory), report.held);
  add("resident", report.resident);
  std::vector<Sentence> lines = {std::move(words)};
  Sentence why = growth_of_free_memory(first, last);
  if (why.empty()) why = gap_words(last);
  const bool is_traced =
      report.verdict == Verdict::growing && report.total_judgement.verdict == Verdict::growing;
  if (!why.empty() && !is_traced) lines.push_back(std::move(why));
  return lines;
}

void add_heading(Document& document, const TrendReport& report,
                 std::span<const std::string> paths) {
  document.heading.push_back({series_title(report, paths)});
  const Sentence amounts = Sentence("from ")
                               .bytes(static_cast<std::uint64_t>(report.total.size.front()))
                               .say(" to ")
                               .bytes(static_cast<std::uint64_t>(report.total.size.back()))
                               .say(", ");
  document.heading.push_back({total_words(report, amounts), Emphasis::strong});
  document.heading.push_back({.text = verdict_words(report),
                              .emphasis = mark_of(report.verdict).emphasis,
                              .headline = true,
                              .goes_on = true});
  add_losses(document.heading, worst_losses(report), {});
  add_selection(document.heading, report, "groups");
  if (report.options.warm_up > 0) {
    document.heading.push_back(
        {Sentence(fmt::format("warm-up: the first {} judged",
                              report.options.warm_up == 1
                                  ? "snapshot is not"
                                  : fmt::format("{} snapshots are not", report.options.warm_up))),
         Emphasis::quiet});
  }
}

// --- below the rows ---

// ", 81.2% of the growth"; empty where the whole does not grow, or by less.
std::string share_words(const TrendReport& report, const StatisticTrend& group) {
  const double whole = report.total_judgement.slope.value;
  const double share = group.judgement.slope.value / whole;
  const bool is_part = whole > 0 && share <= 1 && !report.selection().cumulative;
  return is_part ? fmt::format(", {} of the growth", percent_words(share * 100)) : "";
}

Sentence sentence_of(const TrendReport& report, const StatisticTrend& group) {
  const Judgement& judgement = group.judgement;
  Sentence words;
  words.name(short_name(report, group.group));
  switch (judgement.verdict) {
    case Verdict::growing:
      return words.say(" grows by ")
          .bytes(static_cast<std::uint64_t>(whole_bytes(judgement.slope.value)))
          .say(fmt::format(" {}{}", per_unit(report), share_words(report, group)));
    case Verdict::filling:
      words.say(" fills");
      if (judgement.approaches) words.say(", up to some ").size(*judgement.approaches);
      return words;
    case Verdict::unsteady:
      words.say(fmt::format(" is unsteady ({})", name_of(judgement.doubt)));
      if (judgement.more_snapshots) {
        words.say(fmt::format(": {} would tell",
                              counted(*judgement.more_snapshots, "more snapshot like these",
                                      "more snapshots like these")));
      }
      return words;
    case Verdict::flat:
    case Verdict::shrinking:
      break;
  }
  return {};
}

std::string forecast_words(double units, TrendUnit unit) {
  constexpr double kFar = 1e6;
  if (units >= kFar) return "a very long time";
  if (unit == TrendUnit::hour) {
    constexpr double kNanosecondsPerHour = 3600e9;
    return duration(static_cast<std::int64_t>(units * kNanosecondsPerHour));
  }
  return counted(static_cast<std::uint64_t>(std::ceil(units)),
                 unit == TrendUnit::work ? "unit of work" : "snapshot",
                 unit == TrendUnit::work ? "units of work" : "snapshots");
}

// What steers towards a limit: the whole where it grows, else the group that grows most. Nothing
// where nothing grows.
const Judgement* growth_of(const TrendReport& report) {
  if (report.total_judgement.verdict == Verdict::growing) return &report.total_judgement;
  if (report.statistics.empty()) return nullptr;
  const Judgement& first = report.statistics.front().judgement;
  return first.verdict == Verdict::growing ? &first : nullptr;
}

// The same of what counts towards a control group's: what is resident, or, where that is not known,
// what is selected.
const Judgement* growth_towards(const TrendReport& report, const MemoryLimit& limit) {
  if (!limit.is_cgroup || !report.resident) return growth_of(report);
  const Judgement& resident = report.resident->judgement;
  return resident.verdict == Verdict::growing ? &resident : nullptr;
}

// What has been used of it.
std::int64_t used_of(const TrendReport& report, const MemoryLimit& limit) {
  return limit.is_cgroup ? limit.used : report.total.size.back();
}

std::optional<Forecast> forecast_of(const TrendReport& report, const MemoryLimit& limit) {
  const Judgement* const growth = growth_towards(report, limit);
  return growth == nullptr ? std::nullopt : reaches(*growth, used_of(report, limit), limit.size);
}

// "2.0 GiB are reached in 3 h 20 min, 2 h 50 min at the soonest"
Sentence limit_words(const TrendReport& report, const MemoryLimit& limit) {
  Sentence words;
  words.bytes(static_cast<std::uint64_t>(limit.size));
  if (limit.is_cgroup) words.say(" of the control group");
  if (used_of(report, limit) >= limit.size) return words.say(" are reached already");
  const auto forecast = forecast_of(report, limit);
  if (!forecast && report.verdict == Verdict::growing && !limit.is_cgroup) {
    return words.say(" are not in sight by what is shown");
  }
  if (!forecast) return words.say(" are not in sight: nothing grows");
  const std::string expected = forecast_words(forecast->expected, report.options.unit);
  const std::string soonest = forecast_words(forecast->soonest, report.options.unit);
  words.say(" are reached in " + expected);
  if (soonest != expected) words.say(fmt::format(", {} at the soonest", soonest));
  if (limit.is_cgroup || growth_of(report) == &report.total_judgement) return words;
  return words.say(", by ").name(short_name(report, report.statistics.front().group)).say(" alone");
}

// The window in which the whole grew most.
struct LargestStep {
  std::size_t after;  // the snapshot at its end
  std::int64_t size_diff;
  bool stands_out;  // from what is usual
};

std::optional<LargestStep> largest_step(const TrendReport& report) {
  constexpr std::int64_t kStandsOut = 2;  // times the median of all windows
  const std::vector<std::int64_t>& size = report.total.size;
  std::vector<std::int64_t> steps;
  for (std::size_t i = 1; i < size.size(); ++i) steps.push_back(size[i] - size[i - 1]);
  const auto largest = std::max_element(steps.begin(), steps.end());
  if (largest == steps.end() || *largest <= 0) return std::nullopt;
  const LargestStep step{static_cast<std::size_t>(largest - steps.begin()) + 1, *largest, false};
  const auto median = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), median, steps.end());
  return LargestStep{step.after, step.size_diff, step.size_diff / kStandsOut > *median};
}

// "most at once: +190.0 KiB, from night/shop.0.zst to night/shop.1.zst"
Sentence step_words(const LargestStep& step, std::span<const std::string> paths) {
  Sentence words("most at once: ");
  words.size(step.size_diff, Sign::always).say(", from ");
  return words.name(paths[step.after - 1]).say(" to ").name(paths[step.after]);
}

void add_footer(Section& section, const TrendReport& report, std::span<const std::string> paths,
                const std::optional<MemoryLimit>& limit) {
  if (report.groups() > 0) {
    std::string counts;
    for (const Verdict verdict : kVerdicts) {
      counts += fmt::format("{}{} {}", counts.empty() ? "groups: " : ", ",
                            grouped_digits(report.verdicts[static_cast<std::size_t>(verdict)]),
                            name_of(verdict));
    }
    section.footer.push_back({counts});
  }
  for (Sentence& words : memory_words(report)) {
    section.footer.push_back({.text = std::move(words), .detail = true});
  }
  for (const Verdict verdict : {Verdict::growing, Verdict::filling, Verdict::unsteady}) {
    std::size_t said = 0;
    for (const StatisticTrend& group : report.statistics) {
      if (said == kMostSentences) break;
      if (group.judgement.verdict != verdict) continue;
      section.footer.push_back({.text = sentence_of(report, group),
                                .headline = verdict == Verdict::growing && said == 0});
      ++said;
    }
  }
  const auto step = largest_step(report);
  if (step && step->stands_out) section.footer.push_back({step_words(*step, paths)});
  // Where nothing grows, a limit that nobody asked for is not worth a line.
  if (limit && (!limit->is_cgroup || forecast_of(report, *limit))) {
    section.footer.push_back({limit_words(report, *limit)});
  }
}

Sentence nothing_words(const TrendReport& report) {
  if (!report.statistics.empty()) return {};
  if (report.groups() == 0) return nothing_selected(report);
  return Sentence("no group of at least ").size(report.min_size());
}

// What the groups that are not shown hold in the last snapshot.
Amount rest_of(const TrendReport& report) {
  Amount rest{report.total.size.back(), report.total.count.back()};
  for (const StatisticTrend& group : report.statistics) {
    rest.size -= group.series.size.back();
    rest.count -= group.series.count.back();
  }
  return rest;
}

// "… 3,211 more: 96.1 MiB (11.8%)"; groups that overlap do not add up.
Sentence rest_words(const TrendReport& report) {
  if (report.rest_groups == 0) return {};
  Sentence words("… " + grouped_digits(report.rest_groups) + " more");
  if (report.selection().cumulative) return words;
  const Amount rest = rest_of(report);
  return words.say(": ").size(rest.size).say(" (" +
                                             percent_of(rest.size, report.total.size.back()) + ")");
}

// --- for programs ---

Facts judgement_facts(const Judgement& judgement, const Series& series) {
  return {{"verdict", name_of(judgement.verdict)},
          {"doubt", if_doubted(judgement)},
          {"sizes", series.size},
          {"counts", series.count},
          {"slope", if_finite(judgement.slope.value)},
          {"slope_low", if_finite(judgement.slope.low)},
          {"slope_high", if_finite(judgement.slope.high)},
          {"count_slope", if_finite(judgement.count_slope)},
          {"windows", judgement.windows},
          {"windows_grown", judgement.windows_grown},
          {"more_snapshots", judgement.more_snapshots},
          {"approaches", judgement.approaches}};
}

Fact memory_fact(std::string_view name, const std::optional<MemoryTrend>& trend) {
  if (!trend) return {name, nullptr};
  const Judgement& judgement = trend->judgement;
  return {name, Facts{{"verdict", name_of(judgement.verdict)},
                      {"doubt", if_doubted(judgement)},
                      {"sizes", trend->size},
                      {"slope", if_finite(judgement.slope.value)},
                      {"slope_low", if_finite(judgement.slope.low)},
                      {"slope_high", if_finite(judgement.slope.high)}}};
}

Fact memory_facts(const TrendReport& report) {
  if (!report.traced && !report.held && !report.resident) return {"memory", nullptr};
  return {"memory", Facts{memory_fact("traced", report.traced), memory_fact("held", report.held),
                          memory_fact("resident", report.resident)}};
}

Fact limit_fact(const TrendReport& report, const std::optional<MemoryLimit>& limit) {
  if (!limit) return {"limit", nullptr};
  const auto forecast = forecast_of(report, *limit);
  return {"limit", Facts{{"size", limit->size},
                         {"of", limit->is_cgroup ? "cgroup" : "selected"},
                         {"expected", forecast ? if_finite(forecast->expected) : std::nullopt},
                         {"soonest", forecast ? if_finite(forecast->soonest) : std::nullopt},
                         {"latest", forecast ? forecast->latest : std::nullopt}}};
}

Fact step_fact(const TrendReport& report, std::span<const std::string> paths) {
  const auto step = largest_step(report);
  if (!step) return {"largest_step", nullptr};
  return {"largest_step", Facts{{"before", paths[step->after - 1]},
                                {"after", paths[step->after]},
                                {"size_diff", step->size_diff}}};
}

void add_facts(Document& document, const TrendReport& report, std::span<const std::string> paths,
               const std::optional<MemoryLimit>& limit) {
  std::vector<Facts> snapshots;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    snapshots.push_back(snapshot_facts(report.metadata[i], paths[i]));
  }
  Facts& facts = document.facts;
  facts.emplace_back("snapshots", std::move(snapshots));
  add_settings(facts, report);
  facts.emplace_back("unit", name_of(report.options.unit));
  facts.emplace_back("warm_up", report.options.warm_up);
  facts.emplace_back("verdict", name_of(report.verdict));
  facts.push_back(memory_facts(report));
  facts.push_back(limit_fact(report, limit));
  facts.emplace_back("total", judgement_facts(report.total_judgement, report.total));
  facts.push_back(step_fact(report, paths));
  facts.emplace_back("groups", report.groups());
  Facts verdicts;
  for (const Verdict verdict : kVerdicts) {
    verdicts.emplace_back(name_of(verdict), report.verdicts[static_cast<std::size_t>(verdict)]);
  }
  facts.emplace_back("verdicts", std::move(verdicts));
}

Facts rest_facts(const TrendReport& report) {
  const bool known = !report.selection().cumulative;
  const Amount rest = rest_of(report);
  return {{"groups", report.rest_groups},
          {"size", known ? std::optional(rest.size) : std::nullopt},
          {"count", known ? std::optional(rest.count) : std::nullopt}};
}

}  // namespace

Document lay_out(const TrendReport& report, std::span<const std::string> paths,
                 const std::optional<MemoryLimit>& limit) {
  Document document{.schema = "mtrace.trend/1", .title = "Memory: what keeps growing"};
  add_heading(document, report, paths);
  add_facts(document, report, paths, limit);
  Section section{.rows_key = "statistics", .sentence = "{verdict}, {size} in {count}: {location}"};
  set_rows(section, report.statistics, fields_of(report));
  section.nothing = nothing_words(report);
  section.rest = rest_words(report);
  section.rest_facts = rest_facts(report);
  add_footer(section, report, paths, limit);
  document.sections.push_back(std::move(section));
  return document;
}

}  // namespace memtrace
