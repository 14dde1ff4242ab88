#include "mtrace/merge.hpp"

#include <memory>

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
  write_snapshot(merger.finish(), options.output);
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
                       snapshot_output(options->output)}}},
          .run = [options] {
            run_merge(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
