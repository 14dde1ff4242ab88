#include "cli/run_symbols.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/complaint.hpp"
#include "cli/progress.hpp"
#include "cli/resolved_input.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

// What the handler looks at.
volatile std::sig_atomic_t status_then = 0;
volatile std::sig_atomic_t is_writing = 0, is_interrupted = 0;

constexpr std::string_view kInterruption =
    "\nmtrace: looking up addresses was interrupted: mtrace symbolize does it later\n";

// Nobody waits for a server's answer or for a gigabyte of debug information to be read. What is
// being written is finished first.
void end_early(int) {
  is_interrupted = 1;
  if (is_writing != 0) return;
  static_cast<void>(!write(STDERR_FILENO, kInterruption.data(), kInterruption.size()));
  _exit(status_then);
}

// While it lives, signals that ask for an end lead to the program's status.
class EarlyEnd {
 public:
  explicit EarlyEnd(int status) {
    status_then = status;
    struct sigaction action {};
    action.sa_handler = end_early;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~EarlyEnd() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  EarlyEnd(const EarlyEnd&) = delete;
  EarlyEnd& operator=(const EarlyEnd&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// A pipe or a device has passed it on already, and older ones may have been removed.
bool is_kept(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Where the tracer keeps the snapshot of this number once there is a newer one with its name.
std::string earlier_path(const std::string& path, std::size_t number) {
  constexpr std::string_view kSuffix = ".zst";
  const std::size_t end = path.size() - (path.ends_with(kSuffix) ? kSuffix.size() : 0);
  return path.substr(0, end) + fmt::format(".{}", number) + path.substr(end);
}

// The newest of each name first: it has nearly all addresses that the others have.
std::vector<std::string> kept_files(const RunReport::Content& content) {
  std::vector<std::string> files;
  std::set<std::string> seen;
  const auto keep = [&](const std::string& path) {
    if (seen.insert(path).second && is_kept(path)) files.push_back(path);
  };
  std::map<std::string, std::size_t> counts;
  for (const auto& snapshot : content.snapshots) ++counts[snapshot.path];
  std::for_each(content.snapshots.rbegin(), content.snapshots.rend(), [&](const auto& snapshot) {
    if (snapshot.error == 0) keep(snapshot.path);
  });
  for (const auto& [path, count] : counts) {
    for (std::size_t number = count - 1; number > 0; --number) keep(earlier_path(path, number));
  }
  return files;
}

// Replaces the file, whatever signals come meanwhile.
void replace(const std::string& path, const Snapshot& snapshot) {
  is_writing = 1;
  write_snapshot(snapshot, path);
  is_writing = 0;
  if (is_interrupted != 0) end_early(0);
}

void symbolize_file(const std::string& path, Symbolizer& symbolizer,
                    std::vector<std::string>& warnings) {
  Snapshot snapshot = read_snapshot(path, {});
  if (!has_addresses(snapshot)) return;
  const SymbolizeResult result = symbolizer.symbolize(snapshot);
  warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
  replace(path, snapshot);
}

}  // namespace

void symbolize_written(const RunReport::Content& content, int status) {
  const std::vector<std::string> files = kept_files(content);
  if (files.empty()) return;
  const EarlyEnd early_end(status);
  ProgressBar bar(files.front(), kLookingUpAddresses);
  Symbolizer symbolizer(
      {.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); }});
  std::vector<std::string> warnings;
  for (const std::string& file : files) {
    try {
      symbolize_file(file, symbolizer, warnings);
    } catch (const std::exception& error) {
      is_writing = 0;
      warnings.push_back(fmt::format("{}: its addresses stay: {}", file, error.what()));
    }
  }
  warn_in_one_line(warnings);
}

}  // namespace memtrace
