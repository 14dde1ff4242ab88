#include "cli/run_symbols.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "cli/complaint.hpp"
#include "cli/progress.hpp"
#include "cli/resolved_input.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

volatile std::sig_atomic_t interrupted = 0;

struct Interrupted : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "interrupted"; }
};

// While it lives, signals that ask for an end are only noted.
class NotedSignals {
 public:
  NotedSignals() {
    struct sigaction note {};
    note.sa_handler = [](int) { interrupted = 1; };
    note.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &note, nullptr);
    }
  }
  ~NotedSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  NotedSignals(const NotedSignals&) = delete;
  NotedSignals& operator=(const NotedSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// A pipe or a device has passed it on already, and older ones may have been removed.
bool is_kept(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// The newest first: it has nearly all addresses that the others have.
std::vector<std::string> kept_files(const RunReport::Content& content) {
  std::vector<std::string> files;
  for (auto snapshot = content.snapshots.rbegin(); snapshot != content.snapshots.rend();
       ++snapshot) {
    const bool is_known = std::find(files.begin(), files.end(), snapshot->path) != files.end();
    if (snapshot->error == 0 && !is_known && is_kept(snapshot->path)) {
      files.push_back(snapshot->path);
    }
  }
  return files;
}

void symbolize_file(const std::string& path, Symbolizer& symbolizer,
                    std::vector<std::string>& warnings) {
  Snapshot snapshot = read_snapshot(path, {});
  if (!has_addresses(snapshot)) return;
  const SymbolizeResult result = symbolizer.symbolize(snapshot);
  warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
  write_snapshot(snapshot, path);
}

}  // namespace

void symbolize_written(const RunReport::Content& content) {
  const NotedSignals noted;
  const std::vector<std::string> files = kept_files(content);
  if (files.empty()) return;
  ProgressBar bar(files.front(), kLookingUpAddresses);
  Symbolizer symbolizer({.progress = [&](std::uint64_t done, std::uint64_t total) {
    if (interrupted != 0) throw Interrupted();
    bar.update(done, total);
  }});
  std::vector<std::string> warnings;
  for (const std::string& file : files) {
    try {
      if (interrupted != 0) throw Interrupted();
      symbolize_file(file, symbolizer, warnings);
    } catch (const Interrupted&) {
      warnings.push_back(file + ": looking up addresses was interrupted");
      break;
    } catch (const std::exception& error) {
      warnings.push_back(fmt::format("{}: addresses stay: {}", file, error.what()));
    }
  }
  warn_in_one_line(warnings);
}

}  // namespace memtrace
