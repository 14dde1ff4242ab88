#include "mtrace/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/budget_file.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"
#include "render/escape.hpp"
#include "render/layout.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

// Is used without being asked for.
constexpr std::string_view kBudgetFile = "mtrace.toml";
// The budget of the command line.
constexpr std::string_view kOwnName = "memory";

struct CheckCommandOptions {
  CheckPaths paths;
  std::string max_size, max_peak, max_count, headroom = "10%";
  std::vector<std::string> max_growth;
  bool fail_on_new = false, per_group = false, update = false, loosen = false;
  SelectionOptions selection;
  OutputOptions output;
};

// --- which budgets ---

Limits limits_of(const CheckCommandOptions& options) {
  Limits limits;
  if (!options.max_size.empty()) limits.max_size = parse_size(options.max_size);
  if (!options.max_peak.empty()) limits.max_peak = parse_size(options.max_peak);
  if (!options.max_count.empty()) limits.max_count = parse_count(options.max_count);
  for (const std::string& text : options.max_growth) {
    const Growth growth = parse_growth(text);
    const bool is_given_twice =
        (growth.size && limits.max_growth) || (growth.percent && limits.max_growth_percent);
    if (is_given_twice) throw Error("--max-growth: one size and one percentage at most");
    if (growth.size) limits.max_growth = growth.size;
    if (growth.percent) limits.max_growth_percent = growth.percent;
  }
  limits.fail_on_new = options.fail_on_new;
  limits.per_group = options.per_group;
  limits.min_size = options.output.smallest_size();
  return limits;
}

bool has_limit(const CheckCommandOptions& options) {
  return !options.max_size.empty() || !options.max_peak.empty() || !options.max_count.empty() ||
         !options.max_growth.empty() || options.fail_on_new;
}

// The budgets of the file, and that of the command line.
struct Budgets {
  std::optional<BudgetFile> file{};
  std::vector<Budget> all{};
};

Budgets budgets_of(CheckCommandOptions& options) {
  const Selection selection = options.selection.selection();
  const bool has_own = has_limit(options);
  std::error_code ignored;
  if (options.paths.budget.empty() && !has_own && fs::exists(kBudgetFile, ignored)) {
    options.paths.budget = kBudgetFile;
  }
  Budgets budgets;
  if (!options.paths.budget.empty()) {
    budgets.file = read_budget_file(options.paths.budget, selection);
    budgets.all = budgets.file->budgets;
    for (Budget& budget : budgets.all) {
      if (budget.limits.min_size == 0) budget.limits.min_size = options.output.smallest_size();
    }
  }
  if (options.per_group && !has_own) {
    throw Error("--per-group is about the limits of the command line, and there is none");
  }
  if (has_own) {
    budgets.all.push_back(
        {.name = std::string(kOwnName), .selection = selection, .limits = limits_of(options)});
  }
  if (budgets.all.empty()) {
    throw Error(
        fmt::format("no limit: give --max-size, --max-peak, --max-count, --max-growth or "
                    "--fail-on-new, or a budget file (--budget, or {} in this folder)",
                    kBudgetFile));
  }
  if (options.update && !budgets.file) throw Error("--update needs a budget file");
  return budgets;
}

// --- what is compared ---

void check_baseline(const CheckCommandOptions& options, const Budgets& budgets) {
  const CheckPaths& paths = options.paths;
  const auto needs_baseline = [](const Budget& budget) { return budget.limits.needs_baseline(); };
  const auto found = std::ranges::find_if(budgets.all, needs_baseline);
  if (found == budgets.all.end() && !paths.baseline.empty()) {
    throw Error("no limit compares with the baseline: give --max-growth or --fail-on-new");
  }
  if (found != budgets.all.end() && paths.baseline.empty()) {
    if (found->line == 0) throw Error("--max-growth and --fail-on-new need --baseline");
    throw Error(fmt::format("{}:{}: budget '{}' compares: give --baseline", paths.budget,
                            found->line, found->name));
  }
  if (paths.baseline.empty()) return;
  if (paths.baseline == "-" && paths.snapshot == "-") {
    throw Error("only one of the snapshots can be standard input");
  }
  std::error_code ignored;
  if (fs::equivalent(paths.baseline, paths.snapshot, ignored)) {
    throw Error("it is its own baseline").in(paths.snapshot);
  }
}

// What is missing may be what is too much.
void refuse_losses(const Snapshot& snapshot, const std::string& path) {
  const std::string name = path == "-" ? "standard input" : path;
  if (!was_traced(snapshot)) throw Error("nothing to judge: nothing was traced").in(name);
  const Losses& losses = snapshot.metadata.losses;
  if (losses.dropped_blocks > 0) {
    throw Error(fmt::format("nothing to judge: {} not recorded",
                            counted(losses.dropped_blocks, "block was", "blocks were")))
        .in(name);
  }
  if (losses.missing_threads > 0) {
    throw Error(fmt::format("nothing to judge: the blocks of {} are not counted",
                            counted(losses.missing_threads, "thread", "threads")))
        .in(name);
  }
}

void refuse_other_baseline(const Metadata& before, const Metadata& after, const CheckPaths& paths) {
  const std::string difference = difference_of(before, after);
  if (!difference.empty()) throw Error("nothing to judge: " + difference).in(paths.baseline);
  if (before.created && after.created && *before.created > *after.created) {
    complain(
        fmt::format("warning: the baseline {} is younger than {}", paths.baseline, paths.snapshot));
  }
}

Snapshot read_whole(const std::string& path) {
  Snapshot snapshot = read_resolved(path, {});
  refuse_losses(snapshot, path);
  return snapshot;
}

// What a budget is about must have been recorded.
void require_metrics(const Snapshot& snapshot, const std::string& path,
                     const std::vector<Budget>& budgets) {
  const auto require = [&](Metric metric) {
    if (snapshot.rows[metric]) return;
    throw Error(fmt::format("nothing to judge: the snapshot has no {} metric", name_of(metric)))
        .in(path == "-" ? "standard input" : path);
  };
  for (const Budget& budget : budgets) {
    require(budget.selection.metric);
    if (budget.limits.max_peak) require(Metric::peak);
  }
}

struct Snapshots {
  Snapshot snapshot;
  std::optional<Snapshot> baseline{};
  std::vector<Suppressed> suppressed{};
};

Snapshots read_snapshots(const CheckPaths& paths) {
  std::vector<Suppression> suppressions;
  if (!paths.suppressions.empty()) suppressions = read_suppressions(paths.suppressions);
  Snapshots snapshots{.snapshot = read_whole(paths.snapshot)};
  if (!paths.baseline.empty()) {
    snapshots.baseline = read_whole(paths.baseline);
    refuse_other_baseline(snapshots.baseline->metadata, snapshots.snapshot.metadata, paths);
    suppress(*snapshots.baseline, suppressions);
  }
  snapshots.suppressed = suppress(snapshots.snapshot, suppressions);
  return snapshots;
}

// --- what came of it ---

// "mtrace.toml:12: budget 'sessions'"; of the command line's, what is judged by it.
std::string name_of(const Budget& budget, const CheckPaths& paths) {
  if (budget.line == 0) return paths.snapshot == "-" ? "standard input" : paths.snapshot;
  return fmt::format("{}:{}: budget '{}'", paths.budget, budget.line, budget.name);
}

// The first limit that is neither kept nor exceeded.
void refuse_doubt(const CheckReport& report, const CheckPaths& paths) {
  for (const LimitResult& result : report.results) {
    const Sentence doubt = doubt_words(report, result);
    if (doubt.empty()) continue;
    const auto& unmatched = result.report->unmatched();
    const bool is_typed_wrong = result.finding == Finding::nothing_selected && !unmatched.empty();
    throw Error(is_typed_wrong ? "nothing to judge: " + words_of(unmatched.front())
                               : words_of(doubt, Style(), escaped))
        .in(name_of(report.budgets[result.budget], paths));
  }
}

bool is_loosened(const CheckCommandOptions& options, const CheckReport& report) {
  if (!options.update || !options.loosen) return false;
  return std::ranges::all_of(report.results, [&](const LimitResult& result) {
    const bool is_written = report.budgets[result.budget].line != 0 &&
                            result.kind != LimitKind::max_growth &&
                            result.kind != LimitKind::fail_on_new;
    return !result.is_over() || is_written;
  });
}

void update(const CheckCommandOptions& options, const BudgetFile& file, const CheckReport& report) {
  const std::string& path = options.paths.budget;
  BudgetUpdate update;
  try {
    update = update_budgets(file, report, parse_percent(options.headroom), options.loosen);
  } catch (const Error& error) {
    throw error.in(path);
  }
  if (update.tightened + update.loosened > 0) write_budget_file(path, file, update.text);
  complain(fmt::format("{}: {} tightened, {} loosened", path,
                       counted(update.tightened, "limit", "limits"), update.loosened));
}

int run_check(CheckCommandOptions options) {
  if (options.loosen && !options.update) throw Error("--loosen is about --update");
  const CheckPaths& paths = options.paths;
  const Budgets budgets = budgets_of(options);
  check_baseline(options, budgets);
  std::vector<std::string> inputs = {paths.snapshot};
  for (const std::string& path : {paths.baseline, paths.budget, paths.suppressions}) {
    if (!path.empty()) inputs.push_back(path);
  }
  refuse_own_input(options.output.output, inputs);
  Snapshots snapshots = read_snapshots(paths);
  const auto is_suppressed = [](const Suppressed& each) { return each.amount != Amount(); };
  require_metrics(snapshots.snapshot, paths.snapshot, budgets.all);
  const Snapshot* const baseline = snapshots.baseline ? &*snapshots.baseline : nullptr;
  CheckReport report =
      check(snapshots.snapshot, baseline, budgets.all,
            {.limit = options.output.check_limit(),
             .is_suppressed = std::ranges::any_of(snapshots.suppressed, is_suppressed)});
  report.suppressed = std::move(snapshots.suppressed);
  refuse_doubt(report, paths);
  warn_of_selection(report, options.output);
  if (options.update) update(options, *budgets.file, report);
  print(options.output, lay_out(report, paths));
  return report.is_over() && !is_loosened(options, report) ? kExitFound : kExitDone;
}

// --- options ---

// NOLINTNEXTLINE(readability-function-size): a table.
std::vector<Option> limit_options(CheckCommandOptions& options) {
  return {{.name = "max-size",
           .value = "SIZE",
           .into = &options.max_size,
           .summary = "Allow so much memory",
           .details = "`--metric` says which blocks count: those that are alive in the snapshot, "
                      "unless told otherwise.",
           .check = checked_by<parse_size>},
          {.name = "max-peak",
           .value = "SIZE",
           .into = &options.max_peak,
           .summary = "Allow so much memory at the peak",
           .details = "Of the blocks that were alive when most memory was in use. A tracemalloc "
                      "dump does not know them.",
           .check = checked_by<parse_size>},
          {.name = "max-count",
           .value = "N",
           .into = &options.max_count,
           .summary = "Allow so many blocks",
           .check = checked_by<parse_count>,
           .is_rare = true},
          {.name = "baseline",
           .value = "BEFORE",
           .into = &options.paths.baseline,
           .summary = "Measure growth from this snapshot; - is standard input",
           .completion = Completion::files},
          match_option(options.selection),
          {.name = "max-growth",
           .value = "GROWTH",
           .into = &options.max_growth,
           .summary = "Allow so much more than in the baseline: 64KiB or 5%",
           .details = "Repeatable, for a size and a percentage: then both must be exceeded, so "
                      "that neither small changes of much nor large ones of little count.",
           .check = checked_by<parse_growth>},
          {.name = "fail-on-new",
           .into = &options.fail_on_new,
           .summary = "Allow no group that has no block in the baseline",
           .is_rare = true},
          {.name = "per-group",
           .into = &options.per_group,
           .summary = "Hold each group to the limits, not all together",
           .details = "`--group-by` says what a group is.",
           .is_rare = true}};
}

// NOLINTNEXTLINE(readability-function-size): a table.
std::vector<Option> budget_options(CheckCommandOptions& options) {
  return {{.name = "budget",
           .value = "FILE",
           .into = &options.paths.budget,
           .summary = "Read budgets from this file",
           .details = "Without it, and without a limit on the command line, `mtrace.toml` in the "
                      "working directory is read.",
           .completion = Completion::files},
          {.name = "update",
           .into = &options.update,
           .summary = "Write what was measured back into the budget file",
           .details = "Limits on size, peak and count that leave more room than `--headroom` "
                      "become tighter; no limit becomes looser. Everything else in the file "
                      "stays as it is.",
           .is_rare = true},
          {.name = "headroom",
           .value = "PERCENT",
           .into = &options.headroom,
           .summary = "Room that --update leaves",
           .details = "Above what was measured.",
           .check = checked_by<parse_percent>,
           .is_rare = true},
          {.name = "loosen",
           .into = &options.loosen,
           .summary = "Let --update also raise limits",
           .is_rare = true},
          {.name = "suppressions",
           .value = "FILE",
           .into = &options.paths.suppressions,
           .summary = "Leave out what LeakSanitizer would suppress",
           .details = "A line `leak:PATTERN` suppresses the blocks of which any frame, even a "
                      "hidden one, has the pattern in the name of its function, file or module. "
                      "What was left out is counted.",
           .completion = Completion::files,
           .is_rare = true}};
}

}  // namespace

Command check_command() {
  const auto options = std::make_shared<CheckCommandOptions>();
  OptionGroup limits{"Limits", limit_options(*options)};
  for (Option& option : budget_options(*options)) limits.options.push_back(std::move(option));
  return {.name = "check",
          .summary = "Is the memory within budget?",
          .groups = {{"",
                      {snapshot_argument(options->paths.snapshot, "SNAPSHOT",
                                         "The snapshot to judge; - is standard input")}},
                     std::move(limits),
                     selection_options(options->selection),
                     check_options(options->output)},
          .run = [options] { return run_check(*options); }};
}

}  // namespace memtrace
