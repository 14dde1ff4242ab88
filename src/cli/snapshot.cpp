#include <fmt/format.h>

#include <memory>

#include "base/output.hpp"
#include "cli/command.hpp"
#include "cli/duration_argument.hpp"
#include "cli/snapshot_request.hpp"

namespace memtrace {
namespace {

struct SnapshotOptions {
  pid_t process = 0;
  std::string timeout = "10s";
};

}  // namespace

void add_snapshot(CLI::App& app) {
  const auto options = std::make_shared<SnapshotOptions>();
  app.add_option("PID", options->process, "The process that mtrace run started")
      ->required()
      ->check(CLI::PositiveNumber);
  app.add_option("--timeout", options->timeout, "How long to wait for it, such as 10s")
      ->type_name("DURATION");
  app.callback([options] {
    const std::string path = request_snapshot(options->process, parse_duration(options->timeout));
    Output output("-");
    output.write(path + "\n");
    output.commit();
  });
}

}  // namespace memtrace
