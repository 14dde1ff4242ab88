#include "mtrace/merge.hpp"

#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/own_input.hpp"
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

void add_merge(CLI::App& app) {
  const auto options = std::make_shared<MergeOptions>();
  app.add_option("SNAPSHOT", options->inputs, "Snapshots of any kind; - is standard input")
      ->required();
  app.add_option("-o,--output", options->output, "The file to write; - is standard output")
      ->type_name("FILE")
      ->required();
  app.callback([options] { run_merge(*options); });
}

}  // namespace memtrace
