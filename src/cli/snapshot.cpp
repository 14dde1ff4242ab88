#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <system_error>

#include "base/output.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
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

Command snapshot_command() {
  const auto options = std::make_shared<SnapshotOptions>();
  return {.name = "snapshot",
          .summary = "Have a traced process write a snapshot now",
          .groups = {{"",
                      {{.value = "PID",
                        .into = &options->process,
                        .summary = "The id of a process that is traced",
                        .completion = Completion::processes,
                        .is_required = true},
                       {.name = "timeout",
                        .value = "DURATION",
                        .into = &options->timeout,
                        .summary = "How long to wait for the process: 30s, 5m",
                        .check = checked_by<parse_duration>}}}},
          .run = [options] {
            const std::string path =
                request_snapshot(parse_process(options->process), parse_duration(options->timeout));
            Output output("-");
            output.write(path + "\n");
            output.commit();
            return kExitDone;
          }};
}

}  // namespace memtrace
