// What is said around the rows: what was read, what was lost, what was selected.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/memory_words.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

void append_part(std::string& out, std::string_view separator, std::string_view part) {
  if (!out.empty() && !part.empty()) out += separator;
  out += part;
}

std::string taken_words(const Metadata& metadata) {
  if (!metadata.created) return {};
  std::string words = "taken " + utc_time(*metadata.created);
  const std::int64_t created = *metadata.created;
  std::int64_t running = 0;
  if (metadata.started && !__builtin_sub_overflow(created, *metadata.started, &running) &&
      running >= 0) {
    words += ", " + duration(running) + " after the start";
  }
  return words;
}

// How much a title says of a snapshot.
enum class Title : std::uint8_t { shorter, brief, whole };

// "app.zst (mtrace snapshot of python3, pid 4711 on build-7, taken 2026-11-20 23:16:36 UTC, 6.5 s
// after the start)"; "app.zst (python3, 2026-11-20 23:16:36 UTC)".
Sentence snapshot_title(const Metadata& metadata, std::string_view path, Title title) {
  Sentence words;
  if (path == "-") {
    words.say("standard input");
  } else {
    words.name(path);
  }
  words.say(" (");
  const bool is_named = title == Title::shorter && !metadata.program.empty();
  if (metadata.merged > 1) {
    words.say(fmt::format("{} {} snapshots merged", grouped_digits(metadata.merged),
                          name_of(metadata.kind)));
  } else if (!is_named) {
    words.say(fmt::format("{} snapshot", name_of(metadata.kind)));
  }
  if (!metadata.program.empty()) {
    words.say(is_named && metadata.merged <= 1 ? "" : " of ").name(metadata.program);
  }
  if (metadata.pid && title != Title::shorter) words.say(fmt::format(", pid {}", *metadata.pid));
  if (!metadata.host.empty() && title == Title::whole) words.say(" on ").name(metadata.host);
  if (!metadata.created) return words.say(")");
  return words.say(", ")
      .say(title == Title::whole   ? taken_words(metadata)
           : title == Title::brief ? "taken " + utc_time(*metadata.created)
                                   : utc_time(*metadata.created))
      .say(")");
}

// "traced 812.4 MiB, peak 1.2 GiB; up to 25 frames a traceback"; empty where nothing is known.
// Where more is known of the memory: traced → held by the allocator → resident.
Sentence traced_words(const Metadata& metadata) {
  Sentence words;
  if (metadata.memory.held || metadata.memory.resident) {
    words = memory_chain(metadata);
  } else {
    if (metadata.current) words.say("traced ").bytes(*metadata.current);
    if (metadata.peak) words.say(words.empty() ? "peak " : ", peak ").bytes(*metadata.peak);
  }
  if (metadata.traceback_limit) {
    words.say(words.empty() ? "" : "; ");
    words.say(
        fmt::format("up to {} a traceback", counted(*metadata.traceback_limit, "frame", "frames")));
  }
  return words;
}

std::string hidden_by(const Selection& selection) {
  std::string options;
  const auto add = [&](bool given, std::string_view option) {
    if (given) append_part(options, " and ", option);
  };
  add(!selection.hide.empty(), "--hide");
  add(!selection.hide_function.empty(), "--hide-function");
  add(!selection.hide_module.empty(), "--hide-module");
  add(selection.mine, "--mine");
  return options;
}

std::optional<std::string> time_of(std::optional<std::int64_t> nanoseconds) {
  return nanoseconds ? std::optional(rfc3339(*nanoseconds)) : std::nullopt;
}

}  // namespace

std::optional<std::string> if_known(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Note snapshot_note(const Metadata& metadata, std::string_view path) {
  return {.text = snapshot_title(metadata, path, Title::brief),
          .detail = true,
          .when = Note::When::briefly,
          .shorter = snapshot_title(metadata, path, Title::shorter)};
}

Note memory_note(const Metadata& metadata, bool with_current) {
  Sentence text, shorter;
  const auto add = [](Sentence& words, std::string_view what,
                      const std::optional<std::uint64_t>& size) {
    if (!size) return;
    words.say(fmt::format("{}{} ", words.empty() ? "" : ", ", what)).bytes(*size);
  };
  for (Sentence* const words : {&text, &shorter}) {
    if (with_current) add(*words, "traced", metadata.current);
    add(*words, "peak", metadata.peak);
    if (words == &text) add(*words, "held", metadata.memory.held);
    add(*words, "resident", metadata.memory.resident);
  }
  if (const auto limit = metadata.traceback_limit) {
    const std::string frames = counted(*limit, "frame", "frames");
    text.say(fmt::format("{}up to {} a traceback", text.empty() ? "" : "; ", frames));
    shorter.say(fmt::format("{}{}", shorter.empty() ? "" : "; ", frames));
  }
  return {.text = std::move(text),
          .emphasis = Emphasis::quiet,
          .detail = true,
          .when = Note::When::briefly,
          .goes_on = true,
          .shorter = std::move(shorter)};
}

void add_whole_snapshot(std::vector<Note>& heading, const Metadata& metadata, std::string_view path,
                        std::string_view label) {
  heading.push_back({.text = snapshot_title(metadata, path, Title::whole),
                     .label = label,
                     .when = Note::When::verbosely});
  if (!metadata.command.empty()) {
    heading.push_back({.text = shell_words(metadata.command),
                       .emphasis = Emphasis::quiet,
                       .label = label,
                       .detail = true,
                       .one_line = true,
                       .when = Note::When::verbosely});
  }
  // A comment on several snapshots leaves it out.
  heading.push_back({.text = traced_words(metadata),
                     .label = label,
                     .detail = !label.empty(),
                     .when = Note::When::verbosely});
}

void add_snapshot(std::vector<Note>& heading, const Metadata& metadata, std::string_view path,
                  std::string_view label) {
  heading.push_back(snapshot_note(metadata, path));
  // One line has to hold it all.
  heading.back().text = heading.back().shorter;
  heading.back().label = label;
  heading.push_back(memory_note(metadata, true));
  add_whole_snapshot(heading, metadata, path, label);
}

void add_losses(std::vector<Note>& heading, const Metadata& metadata, std::string_view label) {
  std::vector<std::string> all;
  const Losses& losses = metadata.losses;
  if (losses.truncated_tracebacks > 0) {
    all.push_back("the tracebacks of " + counted(losses.truncated_tracebacks, "block", "blocks") +
                  " lack their oldest frames");
  }
  if (losses.dropped_blocks > 0) {
    all.push_back(counted(losses.dropped_blocks, "block was", "blocks were") + " not recorded");
  }
  if (losses.unknown_frees > 0) {
    all.push_back(counted(losses.unknown_frees, "free", "frees") +
                  " of blocks that were never seen");
  }
  if (losses.missing_threads > 0) {
    all.push_back(counted(losses.missing_threads, "thread", "threads") +
                  " stood still inside the tracer: " +
                  (losses.missing_threads == 1 ? "its" : "their") + " blocks are not counted");
  }
  // Two are said in one line, or in a line each.
  const auto add = [&](Note::When when, const std::string& what) {
    heading.push_back({.text = "data loss: " + what,
                       .emphasis = Emphasis::warning,
                       .label = label,
                       .when = when});
  };
  if (all.size() > 1) add(Note::When::briefly, fmt::format("{}", fmt::join(all, "; ")));
  for (const std::string& loss : all) {
    add(all.size() > 1 ? Note::When::verbosely : Note::When::always, loss);
  }
  if (!metadata.sampling_rate) return;
  heading.push_back({Sentence("sampled every ")
                         .bytes(*metadata.sampling_rate)
                         .say(" on average: sizes and counts are estimates, ± one standard error"),
                     Emphasis::warning, label});
}

namespace {

// How much of it the system sees. `is_whole`: all that is known.
Facts memory_facts(const Metadata& metadata, bool is_whole) {
  const ProcessMemory& memory = metadata.memory;
  Facts facts = {{"traced", metadata.current},
                 {"held", memory.held},
                 {"resident", memory.resident},
                 {"resident_peak", memory.resident_peak},
                 {"swapped", memory.swapped}};
  if (!is_whole) return facts;
  facts.emplace_back("anonymous", memory.anonymous);
  facts.emplace_back("file", memory.file);
  facts.emplace_back("shared", memory.shared);
  facts.emplace_back("huge_pages", memory.huge_pages);
  facts.emplace_back("cgroup_use", memory.cgroup_use);
  facts.emplace_back("cgroup_limit", memory.cgroup_limit);
  facts.emplace_back("free", memory.free);
  facts.emplace_back("allocator", if_known(memory.allocator));
  return facts;
}

Facts label_facts(const Metadata& metadata) {
  Facts facts;
  for (const auto& [name, value] : metadata.labels) facts.emplace_back(name, value);
  return facts;
}

}  // namespace

Facts snapshot_facts(const Metadata& metadata, std::string_view path, HeaderOnly header) {
  const Losses& losses = metadata.losses;
  const auto& command = metadata.command;
  return {{"path", path},
          {"kind", name_of(metadata.kind)},
          {"program", if_known(metadata.program)},
          command.empty() ? Fact("command", nullptr) : Fact("command", command),
          {"pid", metadata.pid},
          {"host", if_known(metadata.host)},
          {"started", time_of(metadata.started)},
          {"created", time_of(metadata.created)},
          {"traceback_limit", metadata.traceback_limit},
          {"current", metadata.current},
          {"peak", metadata.peak},
          {"tracer_memory", metadata.tracer_memory},
          {"sampling_rate", metadata.sampling_rate},
          {"merged", metadata.merged},
          {"memory", memory_facts(metadata, header != HeaderOnly::no)},
          {"work", metadata.work},
          {"labels", label_facts(metadata)},
          header != HeaderOnly::without_losses
              ? Fact("losses", Facts{{"truncated_tracebacks", losses.truncated_tracebacks},
                                     {"dropped_blocks", losses.dropped_blocks},
                                     {"unknown_frees", losses.unknown_frees},
                                     {"missing_threads", losses.missing_threads}})
              : Fact("losses", nullptr)};
}

void add_selection(std::vector<Note>& heading, const Report& report, std::string_view groups) {
  std::vector<Sentence> all;
  Sentence filters("selection:");
  for (const std::string& filter : filters_of(report.selection())) filters.say(" ").name(filter);
  if (filters.pieces().size() > 1) all.push_back(std::move(filters));
  if (report.min_size() > 0) {
    all.push_back(Sentence(fmt::format("left out: {} below ", groups))
                      .bytes(static_cast<std::uint64_t>(report.min_size())));
  }
  if (report.moved_lines() > 0) {
    all.emplace_back(fmt::format(
        "moved: {} since, and {} followed (--match line compares by number)",
        counted(report.moved_lines(), "line has another number", "lines have other numbers"),
        report.moved_lines() == 1 ? "was" : "were"));
  }
  if (report.hidden_frames() > 0) {
    all.emplace_back(fmt::format("hidden by {}: {}", hidden_by(report.selection()),
                                 counted(report.hidden_frames(), "frame", "frames")));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    heading.push_back({.text = all[i], .emphasis = Emphasis::quiet, .goes_on = i > 0});
  }
  if (report.machinery_frames() > 0) {
    heading.push_back(
        {.text = fmt::format("hidden as allocation machinery: {} (--raw-frames shows them)",
                             counted(report.machinery_frames(), "frame", "frames")),
         .emphasis = Emphasis::quiet,
         .when = Note::When::verbosely});
  }
}

void add_settings(Facts& facts, const Report& report) {
  const Selection& selection = report.selection();
  facts.emplace_back("group_by", name_of(selection.group_by));
  facts.emplace_back("cumulative", selection.cumulative);
  facts.emplace_back("metric", name_of(selection.metric));
  facts.emplace_back("filters", filters_of(selection));
  facts.emplace_back("min_size", report.min_size());
  if (report.moved_lines() > 0 || selection.match == MatchBy::function) {
    facts.emplace_back("match", name_of(selection.match));
    facts.emplace_back("moved_lines", report.moved_lines());
  }
  facts.emplace_back("hidden", Facts{{"frames", report.hidden_frames()},
                                     {"machinery_frames", report.machinery_frames()}});
}

Sentence total_words(const Report& report, const Sentence& amounts) {
  const Selection& selection = report.selection();
  return Sentence(fmt::format("{}: ", name_of(selection.metric)))
      .join(amounts)
      .say(fmt::format("{} by {}{}", counted(report.groups(), "group", "groups"),
                       name_of(selection.group_by), selection.cumulative ? ", cumulative" : ""));
}

Sentence nothing_selected(const Report& report) {
  const Selection& selection = report.selection();
  const bool is_filtered = !selection.include.empty() || !selection.exclude.empty() ||
                           !selection.function.empty() || !selection.module.empty() ||
                           selection.domain;
  return is_filtered ? "no memory blocks match" : "no memory blocks";
}

Facts amount_facts(const Amount& amount) {
  return {{"size", amount.size}, {"count", amount.count}};
}

void add_standard_error(Facts& facts, const Report& report, const Variance& variance) {
  if (!report.is_estimate()) return;
  facts.emplace_back("standard_error", Facts{{"size", std::sqrt(variance.size)},
                                             {"count", std::sqrt(variance.count)}});
}

std::vector<std::string> filters_of(const Selection& selection) {
  std::vector<std::string> filters;
  const auto add = [&](std::string_view option, const std::string& value) {
    filters.push_back(fmt::format("{}={}", option, value));
  };
  const auto add_patterns = [&](std::string_view option, const std::vector<Pattern>& patterns) {
    for (const Pattern& pattern : patterns) add(option, pattern.text());
  };
  const auto add_globs = [&](std::string_view option, const std::vector<Glob>& globs) {
    for (const Glob& glob : globs) add(option, glob.pattern());
  };
  add_patterns("--include", selection.include);
  add_patterns("--exclude", selection.exclude);
  add_globs("--function", selection.function);
  add_globs("--module", selection.module);
  if (selection.all_frames) filters.emplace_back("--all-frames");
  if (selection.domain) add("--domain", *selection.domain);
  add_patterns("--hide", selection.hide);
  add_globs("--hide-function", selection.hide_function);
  add_globs("--hide-module", selection.hide_module);
  if (selection.mine) filters.emplace_back("--mine");
  if (selection.raw_frames) filters.emplace_back("--raw-frames");
  for (const PrefixMap& rule : selection.map_prefixes) add("--map-prefix", rule.text());
  if (selection.strip_template_args) filters.emplace_back("--strip-template-args");
  return filters;
}

}  // namespace memtrace
