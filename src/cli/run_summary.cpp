#include "cli/run_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "render/escape.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

// A process by its last snapshot.
struct Held {
  pid_t process = 0;
  std::string first, last;  // the same program's; one path where there is one snapshot
  std::string program;
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

}  // namespace

std::string shown_path(const std::string& path) {
  std::error_code error;
  const std::string folder = std::filesystem::current_path(error).string() + "/";
  return path.starts_with(folder) ? path.substr(folder.size()) : path;
}

std::string what_was_written(const std::vector<KeptSnapshot>& kept, std::size_t written,
                             bool traces_all) {
  const std::vector<Held> all = processes_of(kept);
  if (all.empty()) {
    return fmt::format("wrote {}", counted(written, "snapshot", "snapshots"));
  }
  if (all.size() > 1) return words_for_many(kept, all, written, traces_all);
  const Held& held = all.front();
  const std::string what =
      written == 1 ? shown(held.last)
                   : fmt::format("{} snapshots, the last is {}", written, shown(held.last));
  return fmt::format("wrote {}; next: {}", what, command_for(kept, held));
}

}  // namespace memtrace
