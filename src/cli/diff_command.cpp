#include <array>
#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "mtrace/error.hpp"
#include "render/layout.hpp"

namespace memtrace {
namespace {

struct DiffOptions {
  std::string before, after;
  SelectionOptions selection;
  OutputOptions output;
};

void run_diff(const DiffOptions& options) {
  if (options.before == "-" && options.after == "-") {
    throw Error("only one of the snapshots can be standard input");
  }
  refuse_own_input(options.output.output, std::array{options.before, options.after});
  const Selection selection = options.selection.selection();
  const DiffRanking ranking = options.output.diff_ranking();
  const Snapshot before = read_resolved(options.before, read_options_for(selection));
  const Snapshot after = read_resolved(options.after, read_options_for(selection));
  const DiffReport report = diff(before, after, selection, ranking);
  warn_of_differences(report.metadata_before, report.metadata_after, options.before, options.after);
  warn_of_selection(report, options.output);
  Document document = lay_out(report, options.before, options.after);
  document.tree = [&] { return traceback_tree(before, after, selection); };
  print(options.output, document);
}

}  // namespace

Command diff_command() {
  const auto options = std::make_shared<DiffOptions>();
  return {
      .name = "diff",
      .summary = "What changed between two snapshots?",
      .groups =
          {{"",
            {snapshot_argument(options->before, "BEFORE",
                               "The older snapshot; - is standard input"),
             snapshot_argument(options->after, "AFTER", "The newer one; - is standard input"),
             match_option(options->selection)}},
           selection_options(options->selection),
           report_options(
               options->output,
               {{name_of(DiffSort::size_diff), "the biggest change in size first, up or down"},
                {name_of(DiffSort::growth), "the biggest growth first, the biggest loss last"},
                {name_of(DiffSort::count_diff), "the biggest change in the number of blocks first"},
                {name_of(DiffSort::size), "the biggest size afterwards first"},
                {name_of(DiffSort::location), "by file name and line"}},
               "Ties are broken by the change in size, the size, the change in count, "
               "the count and the traceback, so that two runs print the same.")},
      .run = [options] {
        run_diff(*options);
        return kExitDone;
      }};
}

}  // namespace memtrace
