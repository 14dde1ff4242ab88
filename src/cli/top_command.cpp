#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/report_warnings.hpp"
#include "cli/selection_options.hpp"
#include "render/layout.hpp"

namespace memtrace {
namespace {

struct TopOptions {
  std::string snapshot;
  SelectionOptions selection;
  OutputOptions output;
};

void run_top(const TopOptions& options) {
  refuse_own_input(options.output.output, std::span(&options.snapshot, 1));
  const Selection selection = options.selection.selection();
  const TopRanking ranking = options.output.top_ranking();
  const Snapshot snapshot = read_resolved(options.snapshot, read_options_for(selection));
  const TopReport report = top(snapshot, selection, ranking);
  warn_of_selection(report, options.output);
  Document document = lay_out(report, options.snapshot);
  document.tree = [&] { return traceback_tree(snapshot, selection); };
  print(options.output, document);
}

}  // namespace

Command top_command() {
  const auto options = std::make_shared<TopOptions>();
  return {.name = "top",
          .summary = "Where is the memory?",
          .groups = {{"", {snapshot_argument(options->snapshot)}},
                     selection_options(options->selection),
                     report_options(options->output,
                                    {{name_of(TopSort::size), "the most memory first"},
                                     {name_of(TopSort::count), "the most blocks first"},
                                     {name_of(TopSort::average), "the biggest average block first"},
                                     {name_of(TopSort::location), "by file name and line"}},
                                    "Ties are broken by size, then count, then traceback, so that "
                                    "two runs print the same.")},
          .run = [options] {
            run_top(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
