#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/arguments.hpp"
#include "cli/child_process.hpp"
#include "cli/choice.hpp"
#include "cli/command.hpp"
#include "cli/complaint.hpp"
#include "cli/duration_argument.hpp"
#include "cli/earlier_runs.hpp"
#include "cli/kept_snapshots.hpp"
#include "cli/nothing_seen.hpp"
#include "cli/output_pattern.hpp"
#include "cli/parsed_argument.hpp"
#include "cli/run_advice.hpp"
#include "cli/run_report.hpp"
#include "cli/run_symbols.hpp"
#include "cli/runtime_library.hpp"
#include "cli/selection_options.hpp"
#include "cli/signal_argument.hpp"
#include "cli/traced_command.hpp"
#include "cli/untraceable.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::uint32_t kDefaultFrames = 32, kMostFrames = 1024;

struct RunOptions {
  std::string command;
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
std::string complaint_about_program(const std::string& glob) {
  if (!glob.empty() && glob.find(',') == std::string::npos) return {};
  return fmt::format("'{}' is no program's name", glob);
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

[[noreturn]] void run_traced(const RunOptions& options) {
  int status = 0;
  {
    const RunReport report;
    const std::string pattern = absolute_pattern(options.output);
    // The next one of a series makes the newest an earlier one, also one that another run left.
    const std::uint64_t numbers_before = number_of_last_snapshot(pattern);
    const auto environment = traced_environment(
        runtime_library(), start_value(options, report, pattern, numbers_before));
    const std::vector<std::string> command = split_traced_command(options.command);
    const ProgramEnd end = run_program(command, environment);
    status = end.status();
    if (end.error != 0) {
      complain(fmt::format("{}: {}", command.front(), std::strerror(end.error)));
    } else {
      const RunReport::Content content = report.read();
      remove_leftovers(content);
      const auto kept = kept_snapshots(content, end.process, numbers_before);
      if (!options.not_symbolized) symbolize_written(kept, status);
      say_how_it_went(options, command.front(), end, content, kept);
      // What the program says of itself comes first.
      if (status == 0 && last_failed(content) != nullptr) status = kExitError;
    }
  }
  // The program's, whatever it is: no status of ours.
  std::exit(status);
}

// When snapshots are written, and how many stay.
void add_times(CLI::App& app, const std::shared_ptr<RunOptions>& options) {
  app.add_option("--interval", options->interval,
                 "Write a snapshot every so often, such as 5m or 500ms")
      ->check(complaint_about<parse_duration>)
      ->type_name("DURATION");
  app.add_option("--keep", options->keep, "Keep only the newest N snapshots of a process")
      ->check([](const std::string& text) {
        return text.find_first_not_of('0') == std::string::npos ? "none is no number to keep" : "";
      })
      ->type_name("N");
  offer(app.add_option("--on-signal", options->signal,
                       "Write a snapshot on this signal, such as USR2"),
        {"USR1", "USR2", "HUP", "QUIT", "WINCH"})
      ->type_name("SIGNAL");
  app.add_flag("--on-exit", options->at_exit,
               "Write a snapshot when the program ends, as is done unless told not to");
  app.add_flag("--no-on-exit", options->not_at_exit, "Write none when the program ends")
      ->excludes("--on-exit");
}

}  // namespace

void add_run(CLI::App& app) {
  const auto options = std::make_shared<RunOptions>();
  app.add_option("CMD", options->command, "The program and its arguments")
      ->required()
      ->option_text("[--] CMD...");
  app.add_option("-o,--output", options->output,
                 "Where snapshots go: %e is the program, %p the process, %n the number; "
                 "mtrace.%e.%p.zst unless given")
      ->type_name("PATTERN");
  app.add_option("--nframe", options->frames, "Most frames to keep of a traceback; 32 unless given")
      ->type_name("N");
  add_times(app, options);
  app.add_option("--sample", options->sample,
                 "Record one block about every SIZE bytes and estimate the rest")
      ->check(complaint_about<parse_sampling>)
      ->type_name("SIZE");
  app.add_flag("--follow-fork", options->follow_fork, "Trace the processes that it starts, too");
  add_repeatable(app, "--only", options->only,
                 "Trace only programs with such a name, of all that are started")
      ->check(complaint_about_program)
      ->type_name("GLOB");
  app.add_flag("--mmap", options->mmap, "Trace anonymous mappings, too, as the domain mmap");
  app.add_flag("--native", options->native,
               "In Python programs, keep the frames of C functions between Python's");
  app.add_flag("--no-symbolize", options->not_symbolized,
               "Leave addresses in the snapshots: do not look up their lines at the end");
  app.add_flag("-v,--verbose", options->verbose,
               "Say what was written even where standard error is no terminal");
  app.callback([options] {
    if (!options->only.empty()) options->follow_fork = true;
    run_traced(*options);
  });
}

}  // namespace memtrace
