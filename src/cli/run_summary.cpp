#include "cli/run_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "cli/standard_error.hpp"
#include "cli/untraceable.hpp"
#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// --- what was written, and what to look at ---

// A process by its last snapshot.
struct Held {
  pid_t process = 0;
  std::string last, program;
  std::int64_t live = 0, peak = 0;
};

std::optional<SnapshotInfo> info_of(const std::string& path) {
  try {
    return read_info(path);
  } catch (const Error&) {
    return std::nullopt;  // whoever reads it is told
  }
}

std::int64_t size_of(const SnapshotInfo& info, Metric metric) {
  const auto& total = info.totals[static_cast<std::size_t>(metric)];
  return total ? total->size : 0;
}

// The oldest of the process' snapshots in which it was the program that it was last: what it
// executed in between has another memory.
std::string first_of_program(const std::vector<KeptSnapshot>& kept, const Held& held) {
  for (const auto& [process, path] : kept) {
    if (process != held.process) continue;
    if (path == held.last) break;
    const auto info = info_of(path);
    if (info && info->metadata.program == held.program) return path;
  }
  return held.last;
}

std::vector<Held> processes_of(const std::vector<KeptSnapshot>& kept) {
  std::vector<Held> all;
  std::set<pid_t> seen;
  std::for_each(kept.rbegin(), kept.rend(), [&](const KeptSnapshot& snapshot) {
    if (!seen.insert(snapshot.process).second) return;
    Held held;
    held.process = snapshot.process;
    held.last = snapshot.path;
    if (const auto info = info_of(snapshot.path)) {
      held.program = info->metadata.program;
      held.live = size_of(*info, Metric::live);
      held.peak = std::max(held.live, size_of(*info, Metric::peak));
    }
    all.push_back(std::move(held));
  });
  return all;
}

// As somebody would type it here.
std::string shown_path(const std::string& path) {
  std::error_code error;
  const std::string folder = std::filesystem::current_path(error).string() + "/";
  return path.starts_with(folder) ? path.substr(folder.size()) : path;
}

std::string shell_word(std::string word) {
  const std::string words[] = {std::move(word)};
  return shell_words(words);
}

std::string shown(const std::string& path) {
  return shell_word(shown_path(path));
}

// Less than half of what it once needed says little of why it was needed.
std::string command_for(const std::vector<KeptSnapshot>& kept, const Held& held) {
  const std::string first = first_of_program(kept, held);
  if (first != held.last) return fmt::format("mtrace diff {} {}", shown(first), shown(held.last));
  const std::string_view metric = held.live < held.peak / 2 ? " --metric peak" : "";
  return fmt::format("mtrace top {}{}", shown(held.last), metric);
}

std::string name_of_program(const Held& held) {
  return held.program.substr(held.program.rfind('/') + 1);
}

// The process that held most, and how to trace those of its program alone.
std::string words_for_many(const std::vector<KeptSnapshot>& kept, const std::vector<Held>& all,
                           std::size_t written, bool traces_all) {
  const Held& most = *std::max_element(
      all.begin(), all.end(), [](const Held& a, const Held& b) { return a.peak < b.peak; });
  const std::string name = name_of_program(most);
  std::set<std::string> programs;
  for (const Held& held : all) programs.insert(held.program);
  std::string line =
      fmt::format("wrote {} snapshots of {} processes; {} (pid {}) held most, {}; next: {}",
                  written, all.size(), name.empty() ? "one" : name, most.process,
                  human_size(most.peak, Style()), command_for(kept, most));
  if (traces_all && programs.size() > 1 && !name.empty()) {
    line += fmt::format(" (--only {} traces no other program)", shell_word(name));
  }
  return line;
}

// The command is the one that answers: for the peak where little is alive at the end, for the first
// and the last of a series, of the process that held most of several.
std::string what_was_written(const EndedRun& run) {
  const std::vector<KeptSnapshot>& kept = run.kept;
  const std::size_t written = run.content.written();
  const std::vector<Held> all = processes_of(kept);
  if (all.empty()) {
    return fmt::format("wrote {}", counted(written, "snapshot", "snapshots"));
  }
  if (all.size() > 1)
    return words_for_many(kept, all, written, run.follow_fork && run.only.empty());
  const Held& held = all.front();
  const std::string what =
      written == 1 ? shown(held.last)
                   : fmt::format("{} snapshots, the last is {}", written, shown(held.last));
  return fmt::format("wrote {}; next: {}", what, command_for(kept, held));
}

// --- why there is nothing to look at ---

// Whether any block was ever recorded in it. What is not there any more does not say.
bool holds_something(const std::string& path) {
  const auto info = info_of(path);
  return info && std::ranges::any_of(info->totals,
                                     [](const auto& total) { return total && total->count != 0; });
}

// Then all blocks may have been passed over.
bool is_sampled(const std::string& path) {
  const auto info = info_of(path);
  return info && info->metadata.sampling_rate.has_value();
}

std::string malloc_in_front(const std::string& name, const std::string& file) {
  if (!file.empty()) {
    return fmt::format(
        "{} defines malloc and is loaded before the tracer, which sees nothing: name "
        "it in LD_PRELOAD, without mtrace's own library, and leave the order to "
        "mtrace run",
        file);
  }
  return fmt::format(
      "{} has its allocator inside of it (it defines malloc itself), where no call of "
      "it can be seen: build it with the C library's, or with the allocator as a "
      "shared library; --mmap traces what it maps",
      name);
}

// One sentence, with what to do about it; empty where something was traced, or nothing written.
std::string why_nothing_was_seen(const std::string& name, const RunReport::Content& content) {
  const auto any_written = [&](bool (*is_so)(const std::string&)) {
    return std::ranges::any_of(content.snapshots, [&](const RunReport::Snapshot& snapshot) {
      return snapshot.error == 0 && is_so(snapshot.path);
    });
  };
  if (content.written() == 0 || any_written(holds_something)) return {};
  if (!content.other_mallocs.empty()) return malloc_in_front(name, content.other_mallocs.front());
  if (is_go_program(name)) {
    return fmt::format(
        "{} is a Go program, whose memory is its own runtime's: nothing of it can be "
        "seen, but by Go's pprof; --mmap traces what it maps",
        name);
  }
  if (any_written(is_sampled)) return {};
  return fmt::format(
      "{} asked neither malloc nor operator new for anything: the snapshot is empty; "
      "--mmap traces what it maps",
      name);
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

std::string why_nothing_was_written(const EndedRun& run) {
  const std::string& name = run.program;
  const ProgramEnd& end = run.end;
  const RunReport::Content& content = run.content;
  if (content.processes.empty() && !content.others.empty()) {
    return fmt::format("no program that was started is one of --only {}: there were {}",
                       fmt::join(run.only, ", "), names_of(content.others));
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
  if (end.signal == 0 && !run.follow_fork) {
    why += ", or went on in another process (--follow-fork traces those too)";
  }
  return fmt::format("{} wrote no snapshot: {}", name, why);
}

// --- all of it ---

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

}  // namespace

void say_how_it_went(const EndedRun& run) {
  say_who_gave_up(run.program, run.content);
  say_what_is_no_interpreter(run.content);
  const RunReport::Snapshot* const failed = run.content.last_failure();
  if (failed != nullptr) {
    complain(fmt::format("{}: {}", failed->path, std::strerror(failed->error)));
  } else if (const std::string unseen = why_nothing_was_seen(run.program, run.content);
             !unseen.empty()) {
    complain(unseen);
  } else if (run.content.written() > 0) {
    if (run.verbose || isatty(STDERR_FILENO) == 1) complain(what_was_written(run));
  } else if (run.content.given_up.empty() &&
             (run.writes_at_exit || run.content.processes.empty())) {
    complain(why_nothing_was_written(run));
  }
}

}  // namespace memtrace
