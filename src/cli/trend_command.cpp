#include "mtrace/trend.hpp"

#include <fmt/format.h>

#include <memory>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "cli/series_input.hpp"
#include "mtrace/error.hpp"
#include "render/layout.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kFewestSnapshots = 3;

struct TrendCommandOptions {
  std::vector<std::string> inputs;
  std::string per{name_of(TrendUnit::snapshot)}, limit_memory;
  std::uint32_t warm_up = 0;
  bool fail_on_growth = false;
  SelectionOptions selection;
  OutputOptions output;
};

TrendReport read_trend(std::vector<SeriesInput>& inputs, const TrendCommandOptions& options) {
  const Selection selection = options.selection.selection();
  TrendOptions trend_options{.warm_up = options.warm_up};
  for (const TrendUnit unit : kTrendUnits) {
    if (name_of(unit) == options.per) trend_options.unit = unit;
  }
  std::vector<std::string> warnings;
  TrendReport report;
  {
    SeriesReader reader(inputs, read_options_for(selection));
    report = trend(
        inputs.size(), [&](std::size_t index) { return reader.read(index); }, selection,
        trend_options, options.output.trend_ranking());
    warnings = reader.warnings();
  }
  warn_in_one_line(warnings);
  return report;
}

// What was asked for, or the limit of the control group.
std::optional<MemoryLimit> limit_of(const TrendCommandOptions& options, const TrendReport& report) {
  if (!options.limit_memory.empty()) return MemoryLimit{.size = parse_size(options.limit_memory)};
  const ProcessMemory& memory = report.metadata.back().memory;
  if (!memory.cgroup_limit || !memory.cgroup_use) return std::nullopt;
  return MemoryLimit{.size = static_cast<std::int64_t>(*memory.cgroup_limit),
                     .is_cgroup = true,
                     .used = static_cast<std::int64_t>(*memory.cgroup_use)};
}

std::vector<SeriesInput> enough_inputs(const TrendCommandOptions& options) {
  std::vector<SeriesInput> inputs =
      series_of(options.inputs, read_options_for(options.selection.selection()));
  if (inputs.size() >= kFewestSnapshots) return inputs;
  throw Error(fmt::format("a trend takes {} snapshots or more, there {} {}", kFewestSnapshots,
                          inputs.size() == 1 ? "is" : "are", inputs.size()));
}

int run_trend(const TrendCommandOptions& options) {
  std::vector<SeriesInput> inputs = enough_inputs(options);
  std::vector<std::string> paths;
  paths.reserve(inputs.size());
  for (const SeriesInput& input : inputs) paths.push_back(input.path);
  refuse_own_input(options.output.output, paths);
  if (options.warm_up + kFewestSnapshots > paths.size()) {
    throw Error(fmt::format("--warm-up {} leaves too few of {} snapshots: a trend takes {} or more",
                            options.warm_up, paths.size(), kFewestSnapshots));
  }
  const TrendReport report = read_trend(inputs, options);
  warn_of_differences(report);
  warn_of_selection(report, options.output);
  print(options.output, lay_out(report, paths, limit_of(options, report)));
  const bool fails = options.fail_on_growth && report.verdict == Verdict::growing;
  return fails ? kExitFound : kExitDone;
}

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup trend_options(TrendCommandOptions& options) {
  return {
      "Trend",
      {{.name = "per",
        .value = "UNIT",
        .into = &options.per,
        .summary = "What growth is counted by",
        .words = {{name_of(TrendUnit::snapshot), "from one to the next"},
                  {name_of(TrendUnit::hour), "by the times at which they were made"},
                  {name_of(TrendUnit::work), "by the units of work that they say were done"}}},
       match_option(options.selection),
       {.name = "warm-up",
        .value = "N",
        .into = &options.warm_up,
        .summary = "Do not judge the first N snapshots",
        .details = "They are shown: what a program fills when it starts is no trend.",
        .is_rare = true},
       {.name = "limit-memory",
        .value = "SIZE",
        .into = &options.limit_memory,
        .summary = "Say when so much memory is reached",
        .details =
            R"(What is selected counts, not the process: its code and free memory come on top.
By default, the limit of the control group that the last snapshot was made in, towards which all
that is resident counts.)",
        .check = checked_by<parse_size>},
       {.name = "fail-on-growth",
        .into = &options.fail_on_growth,
        .summary = "Exit with status 1 if something grows",
        .details = "The whole, or a group, shown or not. Without a leak, that is so in at most 1% "
                   "of the runs."}}};
}

}  // namespace

Command trend_command() {
  const auto options = std::make_shared<TrendCommandOptions>();
  return {.name = "trend",
          .summary = "What keeps growing over many snapshots?",
          .groups = {{"",
                      {{.value = "SNAPSHOT",
                        .into = &options->inputs,
                        .summary = "Three or more, or folders of them; - is standard input",
                        .completion = Completion::files,
                        .is_required = true}}},
                     trend_options(*options),
                     selection_options(options->selection),
                     report_options(options->output, {}, {})},
          .run = [options] { return run_trend(*options); }};
}

}  // namespace memtrace
