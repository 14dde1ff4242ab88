#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "cli/series_input.hpp"
#include "mtrace/error.hpp"
#include "page/page.hpp"
#include "page/page_courses.hpp"
#include "render/layout.hpp"

namespace memtrace {
namespace {

struct ReportOptions {
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::string> strip_prefixes, source_folders;
  bool no_source = false;
  std::string per{name_of(TrendUnit::snapshot)};
  std::uint32_t warm_up = 0;
  SelectionOptions selection;

  // What warnings of a selection look at.
  [[nodiscard]] OutputOptions for_warnings() const {
    OutputOptions options;
    options.strip_prefixes = strip_prefixes;
    return options;
  }
};

// What is said on standard error, for those who only see the page.
std::vector<std::string> warnings_of(const Report& report, std::span<const Metadata> snapshots) {
  std::vector<std::string> warnings;
  for (const UnmatchedFilter& filter : report.unmatched()) warnings.push_back(words_of(filter));
  for (const Metadata& later : snapshots) {
    std::string difference = difference_of(snapshots.front(), later);
    if (difference.empty()) continue;
    warnings.push_back(std::move(difference));
    break;
  }
  return warnings;
}

void require_metric(const Snapshot& snapshot, Metric metric, const std::string& path) {
  if (snapshot.rows[metric]) return;
  throw Error(fmt::format("the snapshot has no {} metric", name_of(metric))).in(path);
}

std::string_view last_name(std::string_view path) {
  return path == "-" ? "standard input" : path.substr(path.rfind('/') + 1);
}

// The output has the file's name only when it is complete.
void write_report(const ReportOptions& options, PageInput input, const Document& heading,
                  std::string_view title) {
  Output output(options.output);
  if (output.is_terminal()) {
    throw Error("a page is for a browser: -o FILE, or a pipe").in("standard output");
  }
  input.heading = &heading;
  input.strip_prefixes = options.strip_prefixes;
  input.has_source = !options.no_source;
  input.source_folders = options.source_folders;
  input.generator = "mtrace " MTRACE_VERSION;
  OutputSink sink(output);
  write_page(input, title, sink);
  output.commit();
}

void report_one(const ReportOptions& options, const Selection& selection, SeriesInput& input) {
  const Snapshot snapshot = input.snapshot ? resolved(std::move(*input.snapshot), input.path)
                                           : read_resolved(input.path, {});
  require_metric(snapshot, selection.metric, input.path);
  const TopReport report = top(snapshot, selection, {.limit = 1});
  warn_of_selection(report, options.for_warnings());
  write_report(options,
               {.snapshots = {&snapshot},
                .paths = {input.path},
                .selection = selection,
                .warnings = warnings_of(report, {})},
               lay_out(report, input.path), fmt::format("{} – mtrace", last_name(input.path)));
}

void report_two(const ReportOptions& options, const Selection& selection,
                std::vector<SeriesInput>& inputs) {
  std::vector<Snapshot> snapshots;
  for (SeriesInput& input : inputs) {
    snapshots.push_back(input.snapshot ? resolved(std::move(*input.snapshot), input.path)
                                       : read_resolved(input.path, {}));
    require_metric(snapshots.back(), selection.metric, input.path);
  }
  const std::string &before = inputs[0].path, &after = inputs[1].path;
  const DiffReport report = diff(snapshots[0], snapshots[1], selection, {.limit = 1});
  warn_of_differences(report.metadata_before, report.metadata_after, before, after);
  warn_of_selection(report, options.for_warnings());
  write_report(
      options,
      {.snapshots = {&snapshots[0], &snapshots[1]},
       .paths = {before, after},
       .selection = selection,
       .warnings = warnings_of(report, std::array{report.metadata_before, report.metadata_after})},
      lay_out(report, before, after),
      fmt::format("{} → {} – mtrace", last_name(before), last_name(after)));
}

// The first and the last one compared, and how all lines went in between.
void report_series(const ReportOptions& options, const Selection& selection,
                   std::vector<SeriesInput>& inputs) {
  TrendOptions trend_options{.warm_up = options.warm_up};
  for (const TrendUnit unit : kTrendUnits) {
    if (name_of(unit) == options.per) trend_options.unit = unit;
  }
  std::vector<std::string> paths, warnings;
  paths.reserve(inputs.size());
  for (const SeriesInput& input : inputs) paths.push_back(input.path);
  const std::size_t last = inputs.size() - 1;
  std::array<Snapshot, 2> ends;
  TrendReport report;
  {
    SeriesReader reader(inputs, {});
    const auto read = [&](std::size_t index) {
      Snapshot snapshot = reader.read(index);
      require_metric(snapshot, selection.metric, paths[index]);
      if (index == 0 || index == last) ends.at(index == 0 ? 0 : 1) = snapshot;
      return snapshot;
    };
    report = trend(inputs.size(), read, selection, trend_options, {.limit = kMostPageSeries});
    warnings = reader.warnings();
  }
  warn_in_one_line(warnings);
  warn_of_differences(report);
  warn_of_selection(report, options.for_warnings());
  write_report(options,
               {.snapshots = {&ends[0], &ends[1]},
                .paths = {paths.front(), paths.back()},
                .selection = selection,
                .warnings = warnings_of(report, report.metadata),
                .series = &report},
               lay_out(report, paths, {}), fmt::format("{} snapshots – mtrace", paths.size()));
}

void run_report(const ReportOptions& options) {
  constexpr std::size_t kFewestOfSeries = 3;
  if (!has_pages()) {
    throw Error("this build has no reports: esbuild and node-d3 were missing when it was made");
  }
  refuse_own_input(options.output, options.inputs);
  const Selection selection = options.selection.selection();
  const bool has_folders = std::ranges::any_of(options.inputs, is_folder);
  std::vector<SeriesInput> inputs = options.inputs.size() == 2 && !has_folders
                                        ? inputs_of(options.inputs, {})
                                        : series_of(options.inputs, {});
  if (inputs.empty()) throw Error("there is no snapshot").in(options.inputs.front());
  std::vector<std::string> paths;
  paths.reserve(inputs.size());
  for (const SeriesInput& input : inputs) paths.push_back(input.path);
  refuse_own_input(options.output, paths);
  if (options.warm_up > 0 && options.warm_up + kFewestOfSeries > inputs.size()) {
    throw Error(
        fmt::format("--warm-up {} leaves too few of {} snapshots: a series takes {} or more",
                    options.warm_up, inputs.size(), kFewestOfSeries));
  }
  if (inputs.size() == 1) {
    report_one(options, selection, inputs.front());
  } else if (inputs.size() == 2) {
    report_two(options, selection, inputs);
  } else {
    report_series(options, selection, inputs);
  }
}

// The page groups by all of them; this is the first one. Nothing is only counted cumulatively.
OptionGroup report_selection_options(SelectionOptions& options) {
  OptionGroup group = selection_options(options);
  std::erase_if(group.options, [](const Option& option) { return option.name == "cumulative"; });
  for (Option& option : group.options) {
    if (option.name == "group-by") {
      option.summary = "What the page groups by at first";
      std::erase_if(option.words, [](const Word& word) {
        return word.name == name_of(GroupBy::traceback) || word.name == name_of(GroupBy::domain);
      });
    } else if (option.name == "metric") {
      option.summary = "Blocks that the page counts at first";
    }
  }
  return group;
}

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup page_options(ReportOptions& options) {
  return {
      "",
      {{.value = "SNAPSHOT",
        .into = &options.inputs,
        .summary = "One snapshot; two, before and after; or a series; folders, too",
        .details = "`-` is standard input.",
        .completion = Completion::files,
        .is_required = true},
       snapshot_output(options.output),
       {.name = "no-source",
        .into = &options.no_source,
        .summary = "Leave out lines of source code",
        .details = "By default, the page has the lines that hold memory, as far as their files are "
                   "here."},
       {.name = "source-dir",
        .value = "DIR",
        .into = &options.source_folders,
        .summary = "Look for source files in this folder, too",
        .details =
            R"(A file that is missing at its own path is searched in this folder: under its whole path, then
without its first folder, without its first two, and so on.
Repeatable.)",
        .completion = Completion::folders,
        .excludes = "no-source"},
       {.name = "strip-prefix",
        .value = "DIR",
        .into = &options.strip_prefixes,
        .summary = "Show file names without this leading folder",
        .details = "Repeatable: the longest matching folder is removed.",
        .completion = Completion::folders},
       match_option(options.selection),
       {.name = "per",
        .value = "UNIT",
        .into = &options.per,
        .summary = "What growth is counted by, of a series",
        .words = {{name_of(TrendUnit::snapshot), "from one to the next"},
                  {name_of(TrendUnit::hour), "by the times at which they were made"},
                  {name_of(TrendUnit::work), "by the units of work that they say were done"}}},
       {.name = "warm-up",
        .value = "N",
        .into = &options.warm_up,
        .summary = "Do not judge the first N snapshots of a series",
        .details = "They are shown: what a program fills when it starts is no trend.",
        .is_rare = true}}};
}

}  // namespace

Command report_command() {
  const auto options = std::make_shared<ReportOptions>();
  return {.name = "report",
          .summary = "One page that opens in any browser",
          .groups = {page_options(*options), report_selection_options(options->selection)},
          .run = [options] {
            run_report(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
