#include "mtrace/symbolize.hpp"

#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
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

Command symbolize_command() {
  const auto options = std::make_shared<SymbolizeCommandOptions>();
  return {.name = "symbolize",
          .summary = "Write a snapshot with lines in place of addresses",
          .groups = {{"",
                      {snapshot_argument(options->input),
                       snapshot_output(options->output),
                       {.name = "debug-dir",
                        .value = "DIR",
                        .into = &options->debug_folders,
                        .summary = "Look for debug information in this folder, too",
                        .details = "It is searched before `/usr/lib/debug`. Repeatable.",
                        .completion = Completion::folders},
                       {.name = "sysroot",
                        .value = "DIR",
                        .into = &options->sysroot,
                        .summary = "Root folder of the traced system",
                        .details = R"(Programs, libraries and `/usr/lib/debug` are searched below
this folder, which holds a copy of the traced system.)",
                        .completion = Completion::folders}}}},
          .run = [options] {
            run_symbolize(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
