#include <memory>

#include "cli/command.hpp"
#include "cli/input_hint.hpp"
#include "cli/output_options.hpp"
#include "cli/own_input.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"
#include "render/layout.hpp"
#include "write/text_dump.hpp"

namespace memtrace {
namespace {

struct InfoOptions {
  std::string snapshot;
  bool dump = false;
  OutputOptions output;
};

SnapshotInfo info_of(const std::string& path) {
  try {
    return read_info(path);
  } catch (const Error& error) {
    throw Error(error.what() + input_hint(path));
  }
}

void run_info(const InfoOptions& options) {
  refuse_own_input(options.output.output, std::span(&options.snapshot, 1));
  if (options.dump) {
    const Snapshot snapshot = read_with_progress(options.snapshot, {});
    print(options.output, [&](const Style&, Sink& sink) {
      write_text_dump(snapshot, [&](std::string_view text) { sink.write(text); });
    });
    return;
  }
  const SnapshotInfo info = info_of(options.snapshot);
  print(options.output, lay_out(info, options.snapshot));
}

}  // namespace

void add_info(CLI::App& app) {
  const auto options = std::make_shared<InfoOptions>();
  app.add_option("SNAPSHOT", options->snapshot,
                 "What mtrace run or tracemalloc wrote; - is standard input")
      ->required();
  add_format_options(app, options->output, info_formats());
  app.add_flag("--dump", options->dump, "The whole content as text, to read and to compare")
      ->excludes("--format");
  app.callback([options] { run_info(*options); });
}

}  // namespace memtrace
