#include "cli/report_warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "cli/standard_error.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// So that a pattern can be typed as it is shown.
std::string in_quotes(std::string_view text) {
  std::string word = "'";
  for (const char character : text) word += character == '\'' ? "'\\''" : std::string(1, character);
  return word + "'";
}

}  // namespace

std::string words_of(const UnmatchedFilter& filter) {
  std::string why;
  switch (filter.reason) {
    case UnmatchedFilter::Reason::nothing:
      why = "matches nothing";
      if (!filter.meant.empty()) why += fmt::format(", did you mean {}?", in_quotes(filter.meant));
      break;
    case UnmatchedFilter::Reason::hidden:
      why = "matches only frames that are hidden (--raw-frames shows the allocation machinery's)";
      break;
    case UnmatchedFilter::Reason::callers:
      why = "matches only callers, which --all-frames looks at, too";
      break;
  }
  return fmt::format("{} {} {}", filter.option, in_quotes(filter.value), why);
}

namespace {

void warn_of(const UnmatchedFilter& filter) {
  complain("warning: " + words_of(filter));
}

void warn_of_filters(const Report& report, const OutputOptions& output) {
  for (const UnmatchedFilter& filter : report.unmatched()) warn_of(filter);
  const std::set<std::string> prefixes(output.strip_prefixes.begin(), output.strip_prefixes.end());
  for (const std::string& prefix : prefixes) {
    if (const auto filter = report.unmatched_prefix(prefix)) warn_of(*filter);
  }
}

// What would have kept a visible frame.
std::string more_frames(const Metadata& metadata) {
  const bool is_known = metadata.kind == SnapshotKind::mtrace;
  if (!metadata.traceback_limit || (is_known && metadata.losses.truncated_tracebacks == 0))
    return {};
  const std::uint64_t more = std::max<std::uint64_t>(2 * *metadata.traceback_limit, 25);
  if (metadata.kind == SnapshotKind::tracemalloc) {
    return fmt::format("keep more frames (tracemalloc.start({})), or ", more);
  }
  constexpr std::uint64_t kMostFrames = 1024;
  if (*metadata.traceback_limit >= kMostFrames) return {};
  return fmt::format("keep more frames (--nframe {}), or ", std::min(more, kMostFrames));
}

void warn_of_hidden(const Report& report, const Metadata& metadata, std::int64_t total) {
  constexpr std::int64_t kPercent = 100, kMuch = 50;
  if (total <= 0 || report.hidden_size() <= total / kPercent * kMuch) return;
  const double share =
      kPercent * static_cast<double>(report.hidden_size()) / static_cast<double>(total);
  const std::string_view less =
      report.selection().mine ? "hide less (--hide PATTERN in place of --mine)" : "hide less";
  complain(fmt::format(
      "warning: {:.0f}% of the memory is <hidden>:0, all frames that were kept of it are "
      "hidden: {}{}",
      share, more_frames(metadata), less));
}

template <class T>
std::string or_unknown(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "unknown";
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// "python3.11" and "python3" are the same program in another version.
bool is_interpreter(std::string_view program) {
  constexpr auto kInterpreters = std::to_array<std::string_view>(
      {"python", "pypy", "perl", "ruby", "node", "nodejs", "php", "lua", "sh", "dash", "bash"});
  const std::string_view name = program.substr(0, program.find_first_of("0123456789"));
  return std::ranges::find(kInterpreters, name) != kInterpreters.end();
}

// What runs, as far as it is known: of an interpreter, its script.
std::string what_runs(const Metadata& metadata) {
  const std::string_view program = base_name(metadata.program);
  if (!is_interpreter(program)) return std::string(program);
  for (std::size_t i = 1; i < metadata.command.size(); ++i) {
    const std::string& word = metadata.command[i];
    if (word == "-c" || word == "-e") break;
    if (word == "-m" && i + 1 < metadata.command.size()) return metadata.command[i + 1];
    if (!word.starts_with('-')) return std::string(base_name(word));
  }
  return std::string(program.substr(0, program.find_first_of("0123456789")));
}

void warn_of_order(const Metadata& before, const Metadata& after, const std::string& before_path,
                   const std::string& after_path) {
  if (!before.created || !after.created || *before.created <= *after.created) return;
  const std::string paths[] = {after_path, before_path};
  complain(fmt::format("warning: {} is younger than {} ({} and {}), did you mean mtrace diff {}?",
                       before_path, after_path, utc_time(*before.created), utc_time(*after.created),
                       shell_words(paths)));
}

// Each says in which way two snapshots do not belong together; empty where they do.

std::string different_programs(const Metadata& before, const Metadata& after) {
  if (before.program.empty() || after.program.empty()) return {};
  const std::string one = what_runs(before), other = what_runs(after);
  if (one == other) return {};
  return fmt::format("the snapshots are of different programs ({} and {})", one, other);
}

std::string different_frames(const Metadata& before, const Metadata& after) {
  if (before.traceback_limit == after.traceback_limit) return {};
  return fmt::format("the snapshots kept different numbers of frames ({} and {})",
                     or_unknown(before.traceback_limit), or_unknown(after.traceback_limit));
}

std::string different_sampling(const Metadata& before, const Metadata& after) {
  if (before.sampling_rate == after.sampling_rate) return {};
  return "the snapshots were sampled at different rates";
}

constexpr std::array kDifferences = {different_programs, different_frames, different_sampling};

}  // namespace

void warn_of_selection(const TopReport& report, const OutputOptions& output) {
  warn_of_filters(report, output);
}

void warn_of_selection(const DiffReport& report, const OutputOptions& output) {
  warn_of_filters(report, output);
  std::int64_t total = 0;
  const bool too_large =
      __builtin_add_overflow(report.total_before.size, report.total_after.size, &total);
  if (!too_large) warn_of_hidden(report, report.metadata_after, total);
}

void warn_of_selection(const TrendReport& report, const OutputOptions& output) {
  warn_of_filters(report, output);
}

void warn_of_selection(const CheckReport& report, const OutputOptions& output) {
  // The limits of one budget have the same filters.
  const Budget* last = nullptr;
  for (const LimitResult& result : report.results) {
    const Budget* const budget = &report.budgets[result.budget];
    if (std::exchange(last, budget) != budget) warn_of_filters(*result.report, output);
  }
}

void warn_of_selection(const SelectedRows& rows) {
  warn_of_filters(rows, {});
}

void warn_of_differences(const Metadata& before, const Metadata& after,
                         const std::string& before_path, const std::string& after_path) {
  warn_of_order(before, after, before_path, after_path);
  for (const auto difference : kDifferences) {
    const std::string words = difference(before, after);
    if (!words.empty()) complain("warning: " + words);
  }
}

void warn_of_differences(const TrendReport& report) {
  for (const auto difference : kDifferences) {
    for (const Metadata& later : report.metadata) {
      const std::string words = difference(report.metadata.front(), later);
      if (words.empty()) continue;
      complain("warning: " + words);
      break;
    }
  }
}

std::string difference_of(const Metadata& before, const Metadata& after) {
  if (before.kind != after.kind) {
    return fmt::format("the snapshots are of different tracers ({} and {})", name_of(before.kind),
                       name_of(after.kind));
  }
  for (const auto difference : kDifferences) {
    std::string words = difference(before, after);
    if (!words.empty()) return words;
  }
  return {};
}

}  // namespace memtrace
