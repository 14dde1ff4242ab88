#include <array>
#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output_options.hpp"
#include "cli/own_input.hpp"
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
  warn_of_differences(report, options.before, options.after);
  warn_of_selection(report, options.output);
  Document document = lay_out(report, options.before, options.after);
  document.tree = [&] { return traceback_tree(before, after, selection); };
  print(options.output, document);
}

}  // namespace

void add_diff(CLI::App& app) {
  const auto options = std::make_shared<DiffOptions>();
  app.add_option("BEFORE", options->before, "The older snapshot; - is standard input")->required();
  app.add_option("AFTER", options->after, "The newer one; - is standard input")->required();
  add_selection_options(app, options->selection);
  add_format_options(app, options->output, report_formats());
  add_ranking_options(app, options->output, names_of(kDiffSorts));
  app.callback([options] { run_diff(*options); });
}

}  // namespace memtrace
