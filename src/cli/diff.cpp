#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/complaint.hpp"
#include "cli/output_options.hpp"
#include "cli/resolved_input.hpp"
#include "cli/selection_options.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct DiffOptions {
  std::string before, after;
  SelectionOptions selection;
  OutputOptions output;
};

template <class T>
std::string or_unknown(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "unknown";
}

// Figures of snapshots that were taken in different ways can mislead.
void warn_of_different_settings(const Metadata& before, const Metadata& after) {
  if (before.traceback_limit != after.traceback_limit) {
    complain(fmt::format("warning: the snapshots kept different numbers of frames ({} and {})",
                         or_unknown(before.traceback_limit), or_unknown(after.traceback_limit)));
  }
  if (before.sampling_rate != after.sampling_rate) {
    complain("warning: the snapshots were sampled at different rates");
  }
}

void run_diff(const DiffOptions& options) {
  if (options.before == "-" && options.after == "-") {
    throw Error("only one of the snapshots can be standard input");
  }
  const Selection selection = options.selection.selection();
  const Ranking ranking = options.output.ranking();
  const Snapshot before = read_resolved(options.before, read_options_for(selection));
  const Snapshot after = read_resolved(options.after, read_options_for(selection));
  const DiffReport report = diff(before, after, selection, ranking);
  warn_of_different_settings(before.metadata, after.metadata);
  print(options.output, [&](const Style& style, Sink& sink) {
    options.output.renderer().diff(report, options.before, options.after, style, sink);
  });
}

}  // namespace

void add_diff(CLI::App& app) {
  const auto options = std::make_shared<DiffOptions>();
  app.add_option("BEFORE", options->before, "The older snapshot; - is standard input")->required();
  app.add_option("AFTER", options->after, "The newer one; - is standard input")->required();
  add_selection_options(app, options->selection);
  add_format_options(app, options->output, report_formats());
  add_ranking_options(app, options->output,
                      {{"size_diff", SortKey::size_diff},
                       {"growth", SortKey::growth},
                       {"count_diff", SortKey::count_diff},
                       {"size", SortKey::size},
                       {"location", SortKey::location}});
  app.callback([options] { run_diff(*options); });
}

}  // namespace memtrace
