#include "export/export_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct ExportOptions {
  std::string snapshot, before;
  std::string format, output = "-";
  SelectionOptions selection;
};

const ExportFormat& format_of(const ExportOptions& options) {
  const auto formats = export_formats();
  return *std::find_if(formats.begin(), formats.end(),
                       [&](const ExportFormat& format) { return format.name == options.format; });
}

// Writes what was read; the output has the file's name only when it is complete.
void write_export(const ExportOptions& options, const ExportFormat& format,
                  const Selection& selection, std::span<const Snapshot* const> snapshots,
                  std::vector<std::string> paths) {
  Output output(options.output);
  if (format.is_binary && output.is_terminal()) {
    throw Error(fmt::format("{} is binary: -o FILE, or a pipe", format.name)).in("standard output");
  }
  const SelectedRows rows(snapshots, selection);
  warn_of_selection(rows);
  std::uint64_t total = 0;
  for (const Snapshot* const snapshot : snapshots) total += snapshot->rows.size();
  ProgressBar bar(options.output == "-" ? paths.back() : options.output, kWritingRows);
  OutputSink sink(output);
  const ExportNotes notes =
      format.write({.rows = rows,
                    .metric = selection.metric,
                    .paths = std::move(paths),
                    .exporter = "mtrace " MTRACE_VERSION,
                    .progress = [&](std::uint64_t done) { bar.update(done, total); }},
                   sink);
  output.commit();
  for (const std::string& note : notes) complain("warning: " + note);
}

void run_export(const ExportOptions& options) {
  if (options.snapshot == "-" && options.before == "-") {
    throw Error("only one of the snapshots can be standard input");
  }
  const ExportFormat& format = format_of(options);
  const bool is_comparison = !options.before.empty();
  if (is_comparison && !format.is_compared) {
    throw Error(fmt::format("--to {}: the format has no comparisons, export each snapshot alone",
                            format.name));
  }
  std::vector<std::string> paths;
  if (is_comparison) paths.push_back(options.before);
  paths.push_back(options.snapshot);
  refuse_own_input(options.output, paths);
  std::vector<Snapshot> snapshots;
  const Selection selection = options.selection.selection();
  for (const std::string& path : paths) {
    snapshots.push_back(read_resolved(path, {}));
    if (snapshots.back().rows[selection.metric]) continue;
    throw Error(fmt::format("the snapshot has no {} metric", name_of(selection.metric))).in(path);
  }
  if (is_comparison) {
    warn_of_differences(snapshots[0].metadata, snapshots[1].metadata, options.before,
                        options.snapshot);
    write_export(options, format, selection,
                 std::array<const Snapshot*, 2>{&snapshots[0], &snapshots[1]}, std::move(paths));
  } else {
    write_export(options, format, selection, std::array<const Snapshot*, 1>{snapshots.data()},
                 std::move(paths));
  }
}

std::vector<Word> words_of_formats() {
  std::vector<Word> words;
  for (const ExportFormat& format : export_formats())
    words.push_back({format.name, format.meaning});
  return words;
}

// Whole tracebacks are exported: there is nothing to group.
OptionGroup ungrouped_selection_options(SelectionOptions& options) {
  OptionGroup group = selection_options(options);
  std::erase_if(group.options, [](const Option& option) {
    return option.name == "group-by" || option.name == "cumulative";
  });
  return group;
}

}  // namespace

Command export_command() {
  const auto options = std::make_shared<ExportOptions>();
  Option before = snapshot_argument(options->before, "BEFORE", "What it is compared with");
  before.is_required = false;
  return {.name = "export",
          .summary = "Hand a snapshot to another tool",
          .groups = {{"",
                      {snapshot_argument(options->snapshot),
                       std::move(before),
                       {.name = "to",
                        .value = "FORMAT",
                        .into = &options->format,
                        .summary = "What to write",
                        .words = words_of_formats(),
                        .is_required = true},
                       {.letter = 'o',
                        .name = "output",
                        .value = "FILE",
                        .into = &options->output,
                        .summary = "Write to a file instead of standard output",
                        .details = kReplacesFile,
                        .completion = Completion::files}}},
                     ungrouped_selection_options(options->selection)},
          .run = [options] {
            run_export(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
