// Asking a traced process for a snapshot.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file_output.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/snapshot_request.hpp"

namespace memtrace {
namespace {

struct SnapshotOptions {
  std::string process, work;
  std::vector<std::string> labels;
  std::string timeout = "10s";
};

// The tracer's control/requests.hpp describes it.
std::string told_lines(const SnapshotOptions& options) {
  std::string lines;
  if (!options.work.empty()) lines += fmt::format("\nwork={}", parse_work(options.work));
  check_number_of_labels(options.labels.size());
  for (const std::string& label : options.labels) lines += "\nlabel=" + encoded_label(label);
  return lines;
}

}  // namespace

Command snapshot_command() {
  const auto options = std::make_shared<SnapshotOptions>();
  return {.name = "snapshot",
          .summary = "Have a traced process write a snapshot now",
          .groups = {{"",
                      {{.value = "PID",
                        .into = &options->process,
                        .summary = "The id of a traced process",
                        .completion = Completion::processes,
                        .is_required = true},
                       {.name = "work",
                        .value = "N",
                        .into = &options->work,
                        .summary = "Store that N units of work were done so far",
                        .details = R"(Units are what you count: requests, files, frames.
`mtrace trend --per work` then gives growth per unit.
A program that counts itself calls `mtrace_add_work()`, or `mtrace.add_work()` in Python; `--work`
sets that count.)",
                        .check = checked_by<parse_work>},
                       {.name = "label",
                        .value = "NAME=VALUE",
                        .into = &options->labels,
                        .summary = "Store a label in this snapshot, such as phase=warm",
                        .details = "Repeatable. It replaces a label of that name that "
                                   "`mtrace-run(1)` was given.",
                        .check = checked_by<encoded_label>},
                       {.name = "timeout",
                        .value = "DURATION",
                        .into = &options->timeout,
                        .summary = "How long to wait for the process: 30s, 5m",
                        .check = checked_by<parse_duration>}}}},
          .run = [options] {
            const std::string path =
                request_snapshot(parse_process(options->process), parse_duration(options->timeout),
                                 told_lines(*options));
            Output output("-");
            output.write(path + "\n");
            output.commit();
            return kExitDone;
          }};
}

}  // namespace memtrace
