#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output_options.hpp"
#include "cli/own_input.hpp"
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

void add_top(CLI::App& app) {
  const auto options = std::make_shared<TopOptions>();
  app.add_option("SNAPSHOT", options->snapshot,
                 "What mtrace run or tracemalloc wrote; - is standard input")
      ->required();
  add_selection_options(app, options->selection);
  add_format_options(app, options->output, report_formats());
  add_ranking_options(app, options->output, names_of(kTopSorts));
  app.callback([options] { run_top(*options); });
}

}  // namespace memtrace
