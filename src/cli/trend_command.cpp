#include "mtrace/trend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"
#include "render/layout.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFewestSnapshots = 3;

struct TrendCommandOptions {
  std::vector<std::string> inputs;
  std::string per{name_of(TrendUnit::snapshot)}, limit_memory;
  std::uint32_t warm_up = 0;
  bool fail_on_growth = false;
  SelectionOptions selection;
  OutputOptions output;
};

// A snapshot of the series. Standard input can be read once only, and is when it is met.
struct SeriesInput {
  std::string path;
  std::optional<std::int64_t> created{};
  std::optional<Snapshot> snapshot{};
};

// "app.9.zst" comes before "app.10.zst".
bool counts_before(const std::string& a, const std::string& b) {
  return strverscmp(a.c_str(), b.c_str()) < 0;
}

// The files in a folder that are snapshots, whatever they are called. One that is called as
// snapshots are must be one: a damaged snapshot is not passed over.
std::vector<SeriesInput> snapshots_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool is_hidden = entry->path().filename().string().starts_with('.');
    if (!is_hidden && entry->is_regular_file(ignored)) paths.push_back(entry->path().string());
  }
  if (error) throw Error(error.message()).in(folder);
  std::ranges::sort(paths, counts_before);
  std::vector<SeriesInput> inputs;
  for (const std::string& path : paths) {
    try {
      inputs.push_back({path, read_info(path).metadata.created});
    } catch (const Error&) {
      if (looks_like_snapshot(path)) throw;
    }
  }
  return inputs;
}

// Oldest first. Where some do not say when they were made, they stay as they were given, and those
// of a folder are in the order of their names.
std::vector<SeriesInput> series_of(const TrendCommandOptions& options) {
  std::vector<SeriesInput> inputs;
  bool has_read_standard_input = false;
  const ReadOptions read_options = read_options_for(options.selection.selection());
  for (const std::string& path : options.inputs) {
    std::error_code ignored;
    if (path == "-") {
      if (std::exchange(has_read_standard_input, true)) {
        throw Error("only one of the snapshots can be standard input");
      }
      Snapshot snapshot = read_with_progress(path, read_options);
      const auto created = snapshot.metadata.created;
      inputs.push_back({path, created, std::move(snapshot)});
    } else if (fs::is_directory(path, ignored)) {
      for (SeriesInput& input : snapshots_in(path)) inputs.push_back(std::move(input));
    } else {
      inputs.push_back({path, read_info_of(path).metadata.created});
    }
  }
  if (inputs.size() < kFewestSnapshots) {
    throw Error(fmt::format("a trend takes {} snapshots or more, there {} {}", kFewestSnapshots,
                            inputs.size() == 1 ? "is" : "are", inputs.size()));
  }
  const auto is_dated = [](const SeriesInput& input) { return input.created.has_value(); };
  if (std::ranges::all_of(inputs, is_dated)) {
    std::stable_sort(inputs.begin(), inputs.end(), [](const SeriesInput& a, const SeriesInput& b) {
      return *a.created < *b.created;
    });
  }
  return inputs;
}

// Reads and resolves snapshots for several threads. What was looked up for one is not looked up
// again for the others.
class SeriesReader {
 public:
  SeriesReader(std::vector<SeriesInput>& inputs, ReadOptions options)
      : inputs_(inputs), options_(std::move(options)), bar_("the series", kReadingSnapshots) {}

  Snapshot read(std::size_t index) {
    SeriesInput& input = inputs_[index];
    Snapshot snapshot =
        input.snapshot ? std::move(*input.snapshot) : read_snapshot(input.path, options_);
    const std::lock_guard lock(mutex_);
    if (has_addresses(snapshot)) {
      const SymbolizeResult result = symbolizer_.symbolize(snapshot);
      warnings_.insert(warnings_.end(), result.warnings.begin(), result.warnings.end());
    }
    bar_.update(++done_, inputs_.size());
    return snapshot;
  }

  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<SeriesInput>& inputs_;
  ReadOptions options_;
  std::mutex mutex_;
  Symbolizer symbolizer_;
  std::vector<std::string> warnings_;
  ProgressBar bar_;
  std::uint64_t done_ = 0;
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

int run_trend(const TrendCommandOptions& options) {
  std::vector<SeriesInput> inputs = series_of(options);
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
        .details = "They are shown: what a program fills when it starts is no trend."},
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
                        .summary = "Three snapshots or more, or folders of them; - is standard "
                                   "input",
                        .completion = Completion::files,
                        .is_required = true}}},
                     trend_options(*options),
                     selection_options(options->selection),
                     report_options(options->output, {}, {})},
          .run = [options] { return run_trend(*options); }};
}

}  // namespace memtrace
