#include <memory>

#include "cli/command.hpp"
#include "cli/input.hpp"
#include "cli/output.hpp"
#include "cli/standard_error.hpp"
#include "render/layout.hpp"
#include "write/text_dump.hpp"

namespace memtrace {
namespace {

struct InfoOptions {
  std::string snapshot;
  bool dump = false;
  OutputOptions output;
};

void run_info(const InfoOptions& options) {
  refuse_own_input(options.output.output, std::span(&options.snapshot, 1));
  if (options.dump) {
    const Snapshot snapshot = read_with_progress(options.snapshot, {});
    print(options.output, [&](const Style&, Sink& sink) {
      write_text_dump(snapshot, [&](std::string_view text) { sink.write(text); });
    });
    return;
  }
  const SnapshotInfo info = read_info_of(options.snapshot, true);
  print(options.output, lay_out(info, options.snapshot));
}

}  // namespace

Command info_command() {
  const auto options = std::make_shared<InfoOptions>();
  return {.name = "info",
          .summary = "What is this file?",
          .groups = {{"",
                      {snapshot_argument(options->snapshot),
                       {.name = "dump",
                        .into = &options->dump,
                        .summary = "Print the whole content as text",
                        .details = R"(Prints the metadata, one `key value` per line; then the
domains; then the rows, each with the frames of its traceback, oldest first.
Equal content gives equal text.)",
                        .excludes = "format"}}},
                     format_options(options->output, ReportKind::info)},
          .run = [options] {
            run_info(*options);
            return kExitDone;
          }};
}

}  // namespace memtrace
