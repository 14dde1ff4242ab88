#include <memory>

#include "cli/command.hpp"
#include "cli/own_input.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

struct ConvertOptions {
  std::string input, output;
};

}  // namespace

void add_convert(CLI::App& app) {
  const auto options = std::make_shared<ConvertOptions>();
  app.add_option("INPUT", options->input, "A snapshot of any kind; - is standard input")
      ->required();
  app.add_option("-o,--output", options->output, "The file to write; - is standard output")
      ->type_name("FILE")
      ->required();
  app.callback([options] {
    refuse_own_input(options->output, std::span(&options->input, 1));
    write_snapshot(read_with_progress(options->input, {}), options->output);
  });
}

}  // namespace memtrace
