#include "mtrace/merge.hpp"

#include <memory>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "mtrace/error.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

struct MergeOptions {
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::string> labels;
};

void run_merge(const MergeOptions& options) {
  refuse_own_input(options.output, options.inputs);
  Merger merger;
  for (const std::string& path : options.inputs) {
    const Snapshot snapshot = read_resolved(path, {});
    try {
      merger.add(snapshot);
    } catch (const Error& error) {
      throw error.in(path);
    }
  }
  Snapshot sum = merger.finish();
  for (const std::string& label : options.labels) {
    const auto [name, value] = parse_label(label);
    sum.metadata.labels.insert_or_assign(name, value);
  }
  write_snapshot(sum, options.output);
}

}  // namespace

Command merge_command() {
  const auto options = std::make_shared<MergeOptions>();
  return {.name = "merge",
          .summary = "Add up the snapshots of many processes",
          .groups = {{"",
                      {{.value = "SNAPSHOT",
                        .into = &options->inputs,
                        .summary = "Snapshots of any kind; - is standard input",
                        .completion = Completion::files,
                        .is_required = true},
                       snapshot_output(options->output),
                       {.name = "label",
                        .value = "NAME=VALUE",
                        .into = &options->labels,
                        .summary = "Store a label, such as release=1.7.2",
                        .details = "Repeatable. Labels that all inputs have alike stay anyway.",
                        .check = checked_by<parse_label>}}}},
          .run = [options] {
            run_merge(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
