#include "render/layout.hpp"

#include <fmt/format.h>

#include "render/filters.hpp"
#include "render/quantity.hpp"
#include "render/timestamp.hpp"

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

std::string size_of(std::uint64_t size, const Style& style) {
  return human_size(size, style) + (style.plain_bytes ? " bytes" : "");
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

std::string grouping_words(const Report& report) {
  const Selection& selection = report.selection();
  return fmt::format("{} by {}{}", counted(report.groups(), "group", "groups"),
                     name_of(selection.group_by), selection.cumulative ? ", cumulative" : "");
}

bool is_filtered(const Selection& selection) {
  return !selection.include.empty() || !selection.exclude.empty() || !selection.function.empty() ||
         !selection.module.empty() || selection.domain;
}

}  // namespace

std::string snapshot_title(const Metadata& metadata, std::string_view path, Quote quote) {
  std::string facts = fmt::format("{} snapshot", name_of(metadata.kind));
  if (metadata.merged > 1) {
    facts = fmt::format("{} {} snapshots merged", grouped_digits(metadata.merged),
                        name_of(metadata.kind));
  }
  if (!metadata.program.empty()) facts += " of " + quote(metadata.program);
  if (metadata.pid) append_part(facts, ", ", fmt::format("pid {}", *metadata.pid));
  if (!metadata.host.empty()) facts += " on " + quote(metadata.host);
  append_part(facts, ", ", taken_words(metadata));
  return fmt::format("{} ({})", path == "-" ? "standard input" : quote(path), facts);
}

std::string traced_words(const Metadata& metadata, const Style& style) {
  std::string words;
  if (metadata.current) words = "traced " + size_of(*metadata.current, style);
  if (metadata.peak) append_part(words, ", ", "peak " + size_of(*metadata.peak, style));
  if (metadata.traceback_limit) {
    append_part(
        words, "; ",
        fmt::format("up to {} a traceback", counted(*metadata.traceback_limit, "frame", "frames")));
  }
  return words;
}

std::string total_words(const TopReport& report, const Style& style) {
  return fmt::format("{}: {}{} in {}, {}", name_of(report.selection().metric),
                     human_size(report.total.size, style), style.plain_bytes ? " bytes" : "",
                     counted(static_cast<std::uint64_t>(report.total.count), "block", "blocks"),
                     grouping_words(report));
}

std::string total_words(const DiffReport& report) {
  return fmt::format("{}: {}", name_of(report.selection().metric), grouping_words(report));
}

std::vector<std::string> loss_lines(const Metadata& metadata, const Style& style) {
  std::vector<std::string> lines;
  const Losses& losses = metadata.losses;
  if (losses.truncated_tracebacks > 0) {
    lines.push_back("data loss: the tracebacks of " +
                    counted(losses.truncated_tracebacks, "block", "blocks") +
                    " lack their oldest frames");
  }
  if (losses.dropped_blocks > 0) {
    lines.push_back("data loss: " + counted(losses.dropped_blocks, "block was", "blocks were") +
                    " not recorded");
  }
  if (losses.unknown_frees > 0) {
    lines.push_back("data loss: " + counted(losses.unknown_frees, "free", "frees") +
                    " of blocks that were never seen");
  }
  if (losses.missing_threads > 0) {
    lines.push_back("data loss: " + counted(losses.missing_threads, "thread", "threads") +
                    " stood still inside the tracer: " +
                    (losses.missing_threads == 1 ? "its" : "their") + " blocks are not counted");
  }
  if (metadata.sampling_rate) {
    lines.push_back("sampled every " + size_of(*metadata.sampling_rate, style) +
                    " on average: sizes and counts are estimates, ± one standard error");
  }
  return lines;
}

std::vector<std::string> selection_lines(const Report& report, std::string_view groups,
                                         const Style& style, Quote quote) {
  std::vector<std::string> lines;
  std::string filters;
  for (const std::string& filter : filters_of(report.selection())) filters += " " + quote(filter);
  if (!filters.empty()) lines.push_back("selection:" + filters);
  const std::int64_t min_size = report.ranking().min_size;
  if (min_size > 0) {
    lines.push_back(fmt::format("left out: {} below {}", groups,
                                size_of(static_cast<std::uint64_t>(min_size), style)));
  }
  if (report.hidden_frames() > 0) {
    lines.push_back(fmt::format("hidden by {}: {}", hidden_by(report.selection()),
                                counted(report.hidden_frames(), "frame", "frames")));
  }
  if (report.machinery_frames() > 0) {
    lines.push_back(fmt::format("hidden as allocation machinery: {} (--raw-frames shows them)",
                                counted(report.machinery_frames(), "frame", "frames")));
  }
  return lines;
}

std::string nothing_words(const TopReport& report, const Style& style) {
  if (!report.statistics.empty()) return {};
  if (report.groups() > 0) {
    return "no group of at least " + human_size(report.ranking().min_size, style);
  }
  return is_filtered(report.selection()) ? "no memory blocks match" : "no memory blocks";
}

std::string nothing_words(const DiffReport& report, const Style& style) {
  if (!report.statistics.empty()) return {};
  if (report.groups() == 0) {
    return is_filtered(report.selection()) ? "no memory blocks match" : "no memory blocks";
  }
  if (report.changes.unchanged == report.groups()) return "nothing changed";
  return "no change of at least " + human_size(report.ranking().min_size, style);
}

std::string rest_words(const TopReport& report, const Style& style) {
  if (report.rest_groups == 0) return {};
  const std::string more = fmt::format("… {} more", grouped_digits(report.rest_groups));
  if (report.selection().cumulative) return more;
  return fmt::format("{}: {} ({})", more, human_size(report.rest.size, style),
                     percent_of(report.rest.size, report.total.size));
}

std::string rest_words(const DiffReport& report, const Style& style) {
  const std::uint64_t unchanged = report.ranking().changed_only ? report.changes.unchanged : 0;
  if (report.rest_groups <= unchanged) return {};
  const std::string more = fmt::format("… {} more", grouped_digits(report.rest_groups - unchanged));
  if (report.selection().cumulative) return more;
  const std::int64_t difference = report.rest_after.size - report.rest_before.size;
  return fmt::format("{}: {}", more, human_size(difference, style, Sign::always));
}

std::string change_words(const ChangeCounts& changes) {
  return fmt::format("groups: {} added, {} removed, {} grown, {} shrunk, {} unchanged",
                     grouped_digits(changes.added), grouped_digits(changes.removed),
                     grouped_digits(changes.grown), grouped_digits(changes.shrunk),
                     grouped_digits(changes.unchanged));
}

std::string total_change_words(const DiffReport& report, const Style& style) {
  const std::int64_t before = report.total_before.size, after = report.total_after.size;
  const std::string percent = percent_change(before, after);
  return fmt::format("before {}, after {}, change {}{}", human_size(before, style),
                     human_size(after, style), human_size(after - before, style, Sign::always),
                     percent.empty() ? "" : " (" + percent + ")");
}

}  // namespace memtrace
