#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/run_report.hpp"
#include "cli/run_snapshots.hpp"
#include "cli/run_summary.hpp"
#include "cli/standard_error.hpp"
#include "cli/traced_program.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kDefaultFrames = 32, kMostFrames = 1024;

struct RunOptions {
  std::vector<std::string> command;
  std::string output = kDefaultPattern;
  std::uint32_t frames = kDefaultFrames;
  std::string interval, signal, sample;
  std::uint32_t keep = 0;  // 0: all
  std::vector<std::string> only, labels;
  bool at_exit = false, not_at_exit = false, follow_fork = false, mmap = false, verbose = false;
  bool native = false, not_symbolized = false;
};

std::int64_t parse_sampling(std::string_view text) {
  const std::int64_t size = parse_size(text);
  if (size < 1)
    throw Error("'" + std::string(text) + "' is an invalid distance between samples: write 512KiB");
  return size;
}

// The tracer gets them in a list that is separated by commas.
void check_program(std::string_view glob) {
  if (!glob.empty() && glob.find(',') == std::string_view::npos) return;
  throw Error(fmt::format("invalid program name: '{}'", glob));
}

void check_keep(std::string_view number) {
  if (number.find_first_not_of('0') == std::string_view::npos) {
    throw Error(fmt::format("invalid number of snapshots: '{}'", number));
  }
}

// The runtime's start_options.hpp describes it.
std::string start_value(const RunOptions& options, const RunReport& report,
                        const std::string& pattern, std::uint64_t numbers_before) {
  if (options.frames < 1 || options.frames > kMostFrames) {
    throw Error(fmt::format("--nframe is from 1 to {}", kMostFrames));
  }
  std::string value = std::to_string(options.frames);
  const auto add = [&](std::string_view name, const auto& number) {
    value += fmt::format(",{}={}", name, number);
  };
  if (!options.interval.empty()) {
    add("interval", fmt::format("{}ms", parse_duration(options.interval).count()));
  }
  if (options.keep > 0) add("keep", options.keep);
  if (!options.signal.empty()) add("signal", parse_signal(options.signal));
  if (!options.sample.empty()) add("sample", parse_sampling(options.sample));
  if (options.not_at_exit) value += ",exit=no";
  if (options.follow_fork) value += ",follow-fork";
  if (options.mmap) value += ",mmap";
  if (options.native) value += ",native";
  for (const std::string& glob : options.only) add("only", glob);
  check_number_of_labels(options.labels.size());
  for (const std::string& label : options.labels) add("label", encoded_label(label));
  value += fmt::format(",run=0/{}", numbers_before);
  add("report", report.path());
  add("output", pattern);
  return value;
}

// The program's status, whatever it is: no status of ours.
int run_traced(const RunOptions& options) {
  const RunReport report;
  const std::string pattern = absolute_pattern(options.output);
  // The next snapshot of a series renames the newest one, even one of an earlier run.
  const std::uint64_t numbers_before = number_of_last_snapshot(pattern);
  EndedRun run{.program = options.command.front(),
               .end = run_traced_program(options.command,
                                         start_value(options, report, pattern, numbers_before)),
               .only = options.only,
               .follow_fork = options.follow_fork,
               .writes_at_exit = !options.not_at_exit,
               .verbose = options.verbose};
  const int status = run.end.status();
  if (run.end.error != 0) {
    complain(fmt::format("{}: {}", run.program, std::strerror(run.end.error)));
    return status;
  }
  run.content = report.read();
  remove_leftovers(run.content);
  run.kept = kept_snapshots(run.content, run.end.process, numbers_before);
  if (!options.not_symbolized) symbolize_written(run.kept, status);
  say_how_it_went(run);
  // The program's own failure takes precedence.
  return status == 0 && run.content.last_failure() != nullptr ? kExitError : status;
}

// All words after it belong to the program.
Option traced_command(RunOptions& options) {
  return {.value = "CMD",
          .into = &options.command,
          .summary = "The program and its arguments",
          .completion = Completion::program,
          .is_required = true};
}

Option output_pattern(RunOptions& options) {
  return {.letter = 'o',
          .name = "output",
          .value = "PATTERN",
          .into = &options.output,
          .summary = "Where snapshots go: %e program, %p process, %n number",
          .details = R"(In `PATTERN`, `%e` is the name of the program, `%p` its process id, `%n` the
number of the snapshot, from 0001 on, so that names sort in their order, and `%%` a percent sign.
Any other use of a percent sign is an error.
A folder stands for the default name in that folder.

Without `%n`, the newest snapshot gets the plain name, and earlier ones get their number before
`.zst`, as in `app.7.zst`.
Without `%p`, processes other than the first get their process id there.

A run keeps the snapshots of earlier runs: an existing `app.zst` becomes `app.1.zst` when this run
writes its own, and numbering continues after the existing files.
`--keep` counts them all.

Looking up source lines at the end preserves the files' times: `ls -t` lists the newest snapshot
first.

A snapshot file appears only when it is complete, even if the program is killed while it writes
one.)",
          .completion = Completion::files};
}

OptionGroup when_to_write(RunOptions& options) {
  return {
      "When to write",
      {
          {.name = "interval",
           .value = "DURATION",
           .into = &options.interval,
           .summary = "Write a snapshot at this interval: 500ms, 90s, 5m, 2h",
           .details =
               R"(A thread of the tracer's own takes them, even if the program rarely allocates.)",
           .check = checked_by<parse_duration>},
          {.name = "keep",
           .value = "N",
           .into = &options.keep,
           .summary = "Keep only the newest N snapshots of a process",
           .details = "Older ones are removed.",
           .check = check_keep},
          {.name = "on-signal",
           .value = "SIGNAL",
           .into = &options.signal,
           .summary = "Write a snapshot on this signal: USR2, or a number",
           .details =
               R"(If the program handles the signal itself, only its handler runs: no snapshot is
written.)",
           .examples = {{"USR1", {}}, {"USR2", {}}, {"HUP", {}}, {"QUIT", {}}, {"WINCH", {}}},
           .check = checked_by<parse_signal>},
          {.name = "on-exit",
           .into = &options.at_exit,
           .summary = "Write a snapshot when the program ends (the default)",
           .details =
               R"(The program may end by returning, by `exit(3)`, `_exit(2)` or `quick_exit(3)`,
or by a signal that it does not handle.)",
           .is_rare = true},
          {.name = "no-on-exit",
           .into = &options.not_at_exit,
           .summary = "Write no snapshot when the program ends",
           .excludes = "on-exit",
           .is_rare = true},
      }};
}

// NOLINTNEXTLINE(readability-function-size): a table.
OptionGroup what_to_trace(RunOptions& options) {
  return {
      "What to trace",
      {
          {.name = "nframe",
           .value = "N",
           .into = &options.frames,
           .summary = "Maximum number of frames per traceback, 1 to 1024",
           .details = "The frames nearest to the allocation are kept."},
          {.name = "sample",
           .value = "SIZE",
           .into = &options.sample,
           .summary = "Record one block per SIZE bytes, estimate the rest",
           .details = R"(`SIZE` is the average distance between two samples, such as `512KiB`.
Every figure then comes with its standard error.
Sampling costs next to nothing and is meant for programs in production.)",
           .check = checked_by<parse_sampling>},
          {.name = "follow-fork",
           .into = &options.follow_fork,
           .summary = "Also trace the processes that the program starts",
           .details = "The processes that those start are traced as well."},
          {.name = "only",
           .value = "GLOB",
           .into = &options.only,
           .summary = "Trace only programs whose name matches",
           .details =
               R"(Other programs are not traced, but the programs that they start are, if their
name matches.
The name is the one that the program was executed by, without its folder, or that of its file.
Implies `--follow-fork`.
Repeatable: a program is traced if any glob matches.)",
           .check = check_program,
           .is_rare = true},
          {.name = "mmap",
           .into = &options.mmap,
           .summary = "Also trace anonymous mappings, in the domain mmap",
           .details = R"(Traces the mappings that the program makes itself.
Only accessible memory counts: a reservation (`PROT_NONE`) counts from when `mprotect(2)` makes a
part of it accessible, for that part, which belongs to the caller of `mprotect(2)`.
Memory that `madvise(2)` gives back (`MADV_DONTNEED`, `MADV_FREE`) no longer counts; the tracer
misses it if the program touches that memory again without another call.)",
           .is_rare = true},
          {.name = "native",
           .into = &options.native,
           .summary = "In Python programs, also keep the frames of C functions",
           .details = R"(They stand between Python's frames in their true order and show what a C
extension or a library does on behalf of which line, and which line it calls back.
By default, a traceback in Python has only Python's frames.
C functions count as frames of `--nframe`, including the interpreter's own, which `mtrace-top(1)`
shows only with `--raw-frames`.
Other programs always keep all their frames.)"},
          {.name = "no-symbolize",
           .into = &options.not_symbolized,
           .summary = "Leave the addresses in the snapshots unresolved",
           .details =
               R"(By default, all snapshots that were written get functions and source lines when
the program has ended.
This takes some time; a signal such as that of Ctrl-C skips it.
`mtrace-symbolize(1)` and the other commands look up the remaining addresses later.)",
           .is_rare = true},
          {.name = "label",
           .value = "NAME=VALUE",
           .into = &options.labels,
           .summary = "Store a label in every snapshot, such as release=1.7.2",
           .details = "Repeatable. `mtrace-info(1)` shows labels, and JSON has them.",
           .check = checked_by<encoded_label>,
           .is_rare = true},
          {.letter = 'v',
           .name = "verbose",
           .into = &options.verbose,
           .summary = "Print what was written, even without a terminal",
           .details = "By default, this is printed only if standard error is a terminal."},
      }};
}

}  // namespace

Command run_command() {
  const auto options = std::make_shared<RunOptions>();
  return {.name = "run",
          .summary = "Trace a program, unchanged",
          .groups = {{"", {traced_command(*options), output_pattern(*options)}},
                     when_to_write(*options),
                     what_to_trace(*options)},
          .run = [options] {
            if (!options->only.empty()) options->follow_fork = true;
            return run_traced(*options);
          }};
}

}  // namespace memtrace
