#include "mtrace/symbolize.hpp"

#include <memory>

#include "cli/command.hpp"
#include "cli/complaint.hpp"
#include "cli/input.hpp"
#include "cli/own_input.hpp"
#include "cli/selection_options.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

struct SymbolizeCommandOptions {
  std::string input, output;
  std::vector<std::string> debug_folders;
  std::string sysroot;
};

void run_symbolize(const SymbolizeCommandOptions& options) {
  refuse_own_input(options.output, std::span(&options.input, 1));
  Snapshot snapshot = read_with_progress(options.input, {});
  const SymbolizeResult result =
      symbolize_with_progress(snapshot, options.input,
                              {.debug_folders = options.debug_folders, .sysroot = options.sysroot});
  for (const std::string& warning : result.warnings) complain("warning: " + warning);
  write_snapshot(snapshot, options.output);
}

}  // namespace

void add_symbolize(CLI::App& app) {
  const auto options = std::make_shared<SymbolizeCommandOptions>();
  app.add_option("SNAPSHOT", options->input,
                 "What mtrace run or tracemalloc wrote; - is standard input")
      ->required();
  app.add_option("-o,--output", options->output, "The file to write; - is standard output")
      ->type_name("FILE")
      ->required();
  add_repeatable(app, "--debug-dir", options->debug_folders,
                 "Look for separate debug information in this folder, too")
      ->type_name("DIR");
  app.add_option("--sysroot", options->sysroot, "Where the root of the traced system is")
      ->type_name("DIR");
  app.callback([options] { run_symbolize(*options); });
}

}  // namespace memtrace
