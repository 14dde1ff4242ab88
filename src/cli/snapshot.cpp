#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <system_error>

#include "base/output.hpp"
#include "cli/command.hpp"
#include "cli/duration_argument.hpp"
#include "cli/parsed_argument.hpp"
#include "cli/snapshot_request.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

struct SnapshotOptions {
  std::string process;
  std::string timeout = "10s";
};

pid_t parse_process(const std::string& text) {
  pid_t process = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, process);
  if (error != std::errc() || behind != end || process <= 0) {
    throw Error(fmt::format("'{}' is not a process id", text));
  }
  return process;
}

}  // namespace

void add_snapshot(CLI::App& app) {
  const auto options = std::make_shared<SnapshotOptions>();
  app.add_option("PID", options->process, "The id of a process that is traced")->required();
  app.add_option("--timeout", options->timeout, "How long to wait for it, such as 10s")
      ->check(complaint_about<parse_duration>)
      ->type_name("DURATION");
  app.callback([options] {
    const std::string path =
        request_snapshot(parse_process(options->process), parse_duration(options->timeout));
    Output output("-");
    output.write(path + "\n");
    output.commit();
  });
}

}  // namespace memtrace
