#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

struct ConvertOptions {
  std::string input, output;
};

}  // namespace

Command convert_command() {
  const auto options = std::make_shared<ConvertOptions>();
  return {.name = "convert",
          .summary = "Write any input as mtrace's own format",
          .groups = {{"",
                      {snapshot_argument(options->input, "INPUT",
                                         "A snapshot of any kind; - is standard input"),
                       snapshot_output(options->output)}}},
          .run = [options] {
            refuse_own_input(options->output, std::span(&options->input, 1));
            write_snapshot(read_with_progress(options->input, {}), options->output);
            return kExitDone;
          }};
}

}  // namespace memtrace
