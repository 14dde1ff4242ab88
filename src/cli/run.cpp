#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/child_process.hpp"
#include "cli/choice.hpp"
#include "cli/command.hpp"
#include "cli/complaint.hpp"
#include "cli/duration_argument.hpp"
#include "cli/nothing_seen.hpp"
#include "cli/parsed_argument.hpp"
#include "cli/run_report.hpp"
#include "cli/run_symbols.hpp"
#include "cli/runtime_library.hpp"
#include "cli/signal_argument.hpp"
#include "cli/size_argument.hpp"
#include "cli/traced_command.hpp"
#include "cli/untraceable.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr const char* kDefaultPattern = "mtrace.%e.%p.zst";
constexpr std::uint32_t kDefaultFrames = 32, kMostFrames = 1024;

struct RunOptions {
  std::string command;
  std::string output = kDefaultPattern;
  std::uint32_t frames = kDefaultFrames;
  std::string interval, signal, sample;
  std::uint32_t keep = 0;
  bool at_exit = false, not_at_exit = false, follow_fork = false, mmap = false, verbose = false;
  bool native = false, not_symbolized = false;
};

// The program may change its folder. What is certain to fail fails before hours have been spent.
std::string absolute_pattern(const std::string& output) {
  std::filesystem::path path = std::filesystem::absolute(output);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) path /= kDefaultPattern;
  const std::string folder = path.parent_path();
  if (folder.find('%') == std::string::npos && access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(std::strerror(errno)).in(folder);
  }
  return path;
}

// The runtime's start_options.hpp says what it means.
std::string start_value(const RunOptions& options, const RunReport& report) {
  if (options.frames < 1 || options.frames > kMostFrames) {
    throw Error(fmt::format("--nframe is from 1 to {}", kMostFrames));
  }
  std::string value = std::to_string(options.frames);
  const auto add = [&](std::string_view name, const auto& number) {
    value += fmt::format(",{}={}", name, number);
  };
  if (!options.interval.empty()) add("interval", parse_duration(options.interval).count());
  if (options.keep > 0) add("keep", options.keep);
  if (!options.signal.empty()) add("signal", parse_signal(options.signal));
  if (!options.sample.empty()) add("sample", std::max<std::int64_t>(parse_size(options.sample), 1));
  if (options.not_at_exit) value += ",exit=no";
  if (options.follow_fork) value += ",follow-fork";
  if (options.mmap) value += ",mmap";
  if (options.native) value += ",native";
  value += ",run=0/0";
  add("report", report.path());
  add("output", absolute_pattern(options.output));
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

// As somebody would type it here.
std::string shown_path(const std::string& path) {
  std::error_code error;
  const std::string folder = std::filesystem::current_path(error).string() + "/";
  return path.starts_with(folder) ? path.substr(folder.size()) : path;
}

std::string why_nothing(const RunOptions& options, const std::string& name, const ProgramEnd& end,
                        const RunReport::Content& content) {
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

// The newest of those that were written, or of those that failed.
std::optional<RunReport::Snapshot> newest(const RunReport::Content& content, bool written) {
  const auto& snapshots = content.snapshots;
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(), [&](const auto& snapshot) {
    return (snapshot.error == 0) == written;
  });
  if (found == snapshots.rend()) return std::nullopt;
  return *found;
}

void say_what_was_written(const RunReport::Content& content, const RunReport::Snapshot& last) {
  const auto written = std::count_if(content.snapshots.begin(), content.snapshots.end(),
                                     [](const auto& snapshot) { return snapshot.error == 0; });
  const std::string path = shown_path(last.path);
  complain(written == 1 ? fmt::format("wrote {}; next: mtrace top {}", path, path)
                        : fmt::format("wrote {} snapshots, the last is {}; next: mtrace top {}",
                                      written, path, path));
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

// One line, where there is somebody to read it or something went wrong.
void say_how_it_went(const RunOptions& options, const std::string& program, const ProgramEnd& end,
                     const RunReport::Content& content) {
  say_who_gave_up(program, content);
  const auto failed = newest(content, false), written = newest(content, true);
  if (failed) {
    complain(fmt::format("{}: {}", failed->path, std::strerror(failed->error)));
  } else if (const std::string unseen = why_nothing_was_seen(program, content); !unseen.empty()) {
    complain(unseen);
  } else if (written) {
    if (options.verbose || isatty(STDERR_FILENO) == 1) say_what_was_written(content, *written);
  } else if (content.given_up.empty() && (!options.not_at_exit || content.processes.empty())) {
    complain(why_nothing(options, program, end, content));
  }
}

[[noreturn]] void run_traced(const RunOptions& options) {
  int status = 0;
  {
    const RunReport report;
    const auto environment = traced_environment(runtime_library(), start_value(options, report));
    const std::vector<std::string> command = split_traced_command(options.command);
    const ProgramEnd end = run_program(command, environment);
    status = end.status();
    if (end.error != 0) {
      complain(fmt::format("{}: {}", command.front(), std::strerror(end.error)));
    } else {
      const RunReport::Content content = report.read();
      remove_leftovers(content);
      if (!options.not_symbolized) symbolize_written(content, status);
      say_how_it_went(options, command.front(), end, content);
      // What the program says of itself comes first.
      if (status == 0 && newest(content, false)) status = kExitError;
    }
  }
  // The program's, whatever it is: no status of ours.
  std::exit(status);
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
  app.add_option("--interval", options->interval, "Write a snapshot every so often, such as 5m")
      ->check(complaint_about<parse_duration>)
      ->type_name("DURATION");
  app.add_option("--keep", options->keep, "Keep only the newest N snapshots of a process")
      ->type_name("N");
  offer(app.add_option("--on-signal", options->signal,
                       "Write a snapshot on this signal, such as USR2"),
        {"USR1", "USR2", "HUP", "QUIT", "WINCH"})
      ->type_name("SIGNAL");
  app.add_flag("--on-exit", options->at_exit,
               "Write a snapshot when the program ends, as is done unless told not to");
  app.add_flag("--no-on-exit", options->not_at_exit, "Write none when the program ends")
      ->excludes("--on-exit");
  app.add_option("--sample", options->sample,
                 "Record one block about every SIZE bytes and estimate the rest")
      ->check(complaint_about<parse_size>)
      ->type_name("SIZE");
  app.add_flag("--follow-fork", options->follow_fork, "Trace the processes that it starts, too");
  app.add_flag("--mmap", options->mmap, "Trace anonymous mappings, too, as the domain mmap");
  app.add_flag("--native", options->native,
               "In Python programs, keep the frames of C functions between Python's");
  app.add_flag("--no-symbolize", options->not_symbolized,
               "Leave addresses in the snapshots: do not look up their lines at the end");
  app.add_flag("-v,--verbose", options->verbose,
               "Say what was written even where standard error is no terminal");
  app.callback([options] { run_traced(*options); });
}

}  // namespace memtrace
