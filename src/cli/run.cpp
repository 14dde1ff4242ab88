#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/earlier_runs.hpp"
#include "cli/kept_snapshots.hpp"
#include "cli/nothing_seen.hpp"
#include "cli/run_report.hpp"
#include "cli/run_snapshots.hpp"
#include "cli/run_summary.hpp"
#include "cli/run_symbols.hpp"
#include "cli/runtime_library.hpp"
#include "cli/standard_error.hpp"
#include "cli/traced_program.hpp"
#include "cli/untraceable.hpp"
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
  std::vector<std::string> only;
  bool at_exit = false, not_at_exit = false, follow_fork = false, mmap = false, verbose = false;
  bool native = false, not_symbolized = false;
};

std::int64_t parse_sampling(std::string_view text) {
  const std::int64_t size = parse_size(text);
  if (size < 1)
    throw Error("'" + std::string(text) + "' is no distance between samples: write 512KiB");
  return size;
}

// The tracer is told of them behind commas.
void check_program(std::string_view glob) {
  if (!glob.empty() && glob.find(',') == std::string_view::npos) return;
  throw Error(fmt::format("'{}' is no program's name", glob));
}

void check_keep(std::string_view number) {
  if (number.find_first_not_of('0') == std::string_view::npos) {
    throw Error("none is no number to keep");
  }
}

// The runtime's start_options.hpp says what it means.
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
  value += fmt::format(",run=0/{}", numbers_before);
  add("report", report.path());
  add("output", pattern);
  return value;
}

// Ours, and two variables behind all others: the tracer takes them away again.
std::vector<std::string> traced_environment(const std::string& library, const std::string& start) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  const char* const others = std::getenv("LD_PRELOAD");
  const bool alone = others == nullptr || *others == '\0';
  variables.push_back("LD_PRELOAD=" + library + (alone ? "" : std::string(":") + others));
  variables.push_back("MTRACE=" + start);
  return variables;
}

// "sh, gcc, as": each once, in the order of their first starts.
std::string names_of(const std::vector<std::string>& programs) {
  std::vector<std::string> names;
  for (const std::string& program : programs) {
    std::string name = program.substr(program.rfind('/') + 1);
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string why_nothing(const RunOptions& options, const std::string& name, const ProgramEnd& end,
                        const RunReport::Content& content) {
  if (content.processes.empty() && !content.others.empty()) {
    return fmt::format("no program that was started is one of --only {}: there were {}",
                       fmt::join(options.only, ", "), names_of(content.others));
  }
  if (content.processes.empty()) {
    const std::string why = why_untraceable(name);
    return fmt::format("{} was not traced: {}", name,
                       why.empty() ? "the tracer did not start in it" : why);
  }
  if (end.signal == 0 && is_go_program(name)) {
    return fmt::format(
        "{} wrote no snapshot: it is a Go program, which ends without telling the C "
        "library; --interval and mtrace snapshot write them while it runs",
        name);
  }
  std::string why = "it ended in a way that the tracer cannot see";
  if (end.signal == SIGKILL) why = "it was killed";
  if (end.signal != 0 && end.signal != SIGKILL)
    why = "it crashed where none can be written, as when its stack is full";
  if (end.signal == 0 && !options.follow_fork) {
    why += ", or went on in another process (--follow-fork traces those too)";
  }
  return fmt::format("{} wrote no snapshot: {}", name, why);
}

std::size_t count_written(const RunReport::Content& content) {
  const auto is_written = [](const auto& snapshot) { return snapshot.error == 0; };
  return static_cast<std::size_t>(std::ranges::count_if(content.snapshots, is_written));
}

const RunReport::Snapshot* last_failed(const RunReport::Content& content) {
  const auto& snapshots = content.snapshots;
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(),
                                  [](const auto& snapshot) { return snapshot.error != 0; });
  return found == snapshots.rend() ? nullptr : &*found;
}

// One line for each process whose memory did not suffice for being traced.
void say_who_gave_up(const std::string& program, const RunReport::Content& content) {
  for (const RunReport::Snapshot& end : content.given_up) {
    const auto& traced = content.processes;
    const bool began = std::find(traced.begin(), traced.end(), end.process) != traced.end();
    complain(fmt::format("{} (process {}) {}: {}", program, end.process,
                         began ? "was traced no more" : "was not traced", end.path));
  }
}

// One line for each kind of them.
void say_what_is_no_interpreter(const RunReport::Content& content) {
  std::vector<std::string> said;
  for (const std::string& why : content.interpreters) {
    if (std::find(said.begin(), said.end(), why) != said.end()) continue;
    said.push_back(why);
    complain(why);
  }
}

// One line, where there is somebody to read it or something went wrong.
void say_how_it_went(const RunOptions& options, const std::string& program, const ProgramEnd& end,
                     const RunReport::Content& content, const std::vector<KeptSnapshot>& kept) {
  say_who_gave_up(program, content);
  say_what_is_no_interpreter(content);
  const RunReport::Snapshot* const failed = last_failed(content);
  const std::size_t written = count_written(content);
  if (failed != nullptr) {
    complain(fmt::format("{}: {}", failed->path, std::strerror(failed->error)));
  } else if (const std::string unseen = why_nothing_was_seen(program, content); !unseen.empty()) {
    complain(unseen);
  } else if (written > 0) {
    if (!options.verbose && isatty(STDERR_FILENO) != 1) return;
    const bool traces_all = options.follow_fork && options.only.empty();
    complain(what_was_written(kept, written, traces_all));
  } else if (content.given_up.empty() && (!options.not_at_exit || content.processes.empty())) {
    complain(why_nothing(options, program, end, content));
  }
}

// The program's status, whatever it is: no status of ours.
int run_traced(const RunOptions& options) {
  const RunReport report;
  const std::string pattern = absolute_pattern(options.output);
  // The next one of a series makes the newest an earlier one, also one that another run left.
  const std::uint64_t numbers_before = number_of_last_snapshot(pattern);
  const auto environment =
      traced_environment(runtime_library(), start_value(options, report, pattern, numbers_before));
  const std::string& program = options.command.front();
  const ProgramEnd end = run_program(options.command, environment);
  const int status = end.status();
  if (end.error != 0) {
    complain(fmt::format("{}: {}", program, std::strerror(end.error)));
    return status;
  }
  const RunReport::Content content = report.read();
  remove_leftovers(content);
  const auto kept = kept_snapshots(content, end.process, numbers_before);
  if (!options.not_symbolized) symbolize_written(kept, status);
  say_how_it_went(options, program, end, content, kept);
  // What the program says of itself comes first.
  return status == 0 && last_failed(content) != nullptr ? kExitError : status;
}

// The words behind it are the program's, whatever they look like.
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
Anything else behind a percent sign is refused.
A folder stands for the default name in it.

Without `%n`, the newest snapshot has the name, and earlier ones get their number before `.zst`,
as in `app.7.zst`.
Without `%p`, processes other than the first one get their process id there.

No run replaces the snapshots of another one: where there is an `app.zst`, it becomes `app.1.zst`
when this run writes its own, and numbers go on behind those that are there.
`--keep` counts them all.

Looking up source lines at the end leaves the files their times: `ls -t` has the newest snapshot
first.

A snapshot is there whole or not at all, also when the program is killed while it writes one.)",
          .completion = Completion::files};
}

OptionGroup when_to_write(RunOptions& options) {
  return {
      "When to write",
      {
          {.name = "interval",
           .value = "DURATION",
           .into = &options.interval,
           .summary = "Write a snapshot every so often: 500ms, 90s, 5m, 2h",
           .details =
               R"(The program's own allocations look at the clock: while it allocates nothing,
no snapshot is written.)",
           .check = checked_by<parse_duration>},
          {.name = "keep",
           .value = "N",
           .into = &options.keep,
           .summary = "Keep only the newest N snapshots of a process",
           .details = "The ones before are removed.",
           .check = check_keep},
          {.name = "on-signal",
           .value = "SIGNAL",
           .into = &options.signal,
           .summary = "Write a snapshot on this signal: USR2, or a number",
           .details = R"(Where the program handles the signal itself, it goes on to do so, and no
snapshot is written.)",
           .examples = {{"USR1", {}}, {"USR2", {}}, {"HUP", {}}, {"QUIT", {}}, {"WINCH", {}}},
           .check = checked_by<parse_signal>},
          {.name = "on-exit",
           .into = &options.at_exit,
           .summary = "Write a snapshot when the program ends, as by default",
           .details = R"(It ends by returning, by `exit(3)`, `_exit(2)` or `quick_exit(3)`, or by a
signal that it does not handle.)"},
          {.name = "no-on-exit",
           .into = &options.not_at_exit,
           .summary = "Write none when the program ends",
           .excludes = "on-exit"},
      }};
}

OptionGroup what_to_trace(RunOptions& options) {
  return {
      "What to trace",
      {
          {.name = "nframe",
           .value = "N",
           .into = &options.frames,
           .summary = "Most frames to keep of a traceback, 1 to 1024",
           .details = "Those nearest to the allocation are kept."},
          {.name = "sample",
           .value = "SIZE",
           .into = &options.sample,
           .summary = "Record a block about every SIZE bytes, estimate the rest",
           .details = R"(`SIZE` is a number such as `512KiB`.
Every figure is then shown with its standard error.
This costs next to nothing and is meant for programs in production.)",
           .check = checked_by<parse_sampling>},
          {.name = "follow-fork",
           .into = &options.follow_fork,
           .summary = "Trace the processes that the program starts, too",
           .details = "So are those that they start."},
          {.name = "only",
           .value = "GLOB",
           .into = &options.only,
           .summary = "Trace only programs whose name matches",
           .details = R"(Of all programs that are started, the others only pass it on to those that
they start.
The name is the one that the program was executed by, without its folder, or that of its file.
Implies `--follow-fork`.
Repeatable: any may match.)",
           .check = check_program},
          {.name = "mmap",
           .into = &options.mmap,
           .summary = "Trace anonymous mappings, too, in the domain mmap",
           .details = R"(These are mappings that the program makes itself.
What can be touched counts: a reservation (`PROT_NONE`) does not, until `mprotect(2)` makes a part
of it accessible, and that part belongs to whoever did.
What `madvise(2)` gives back (`MADV_DONTNEED`, `MADV_FREE`) counts no more; that it is touched again
without another call is not seen.)"},
          {.name = "native",
           .into = &options.native,
           .summary = "In Python programs, keep the frames of C functions, too",
           .details = R"(They stand between those of Python in their true order: what a C extension
or a library does on behalf of which line, and which line it calls back.
Otherwise a traceback in Python has Python's frames alone.
They count as frames of `--nframe`, also those of the interpreter's own C functions, which
`mtrace-top(1)` shows only with `--raw-frames`.
Other programs are not affected: all of their frames are kept in any case.)"},
          {.name = "no-symbolize",
           .into = &options.not_symbolized,
           .summary = "Leave addresses in the snapshots: look up no lines",
           .details = R"(Otherwise all that were written get functions and source lines when the
program has ended.
That takes some time; a signal such as that of Ctrl-C skips it.
What is not looked up then, `mtrace-symbolize(1)` and the other commands look up later.)"},
          {.letter = 'v',
           .name = "verbose",
           .into = &options.verbose,
           .summary = "Say what was written, also without a terminal",
           .details = "Otherwise it is said where standard error is a terminal."},
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
