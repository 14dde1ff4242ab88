#include "cli/run_symbols.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/input.hpp"
#include "cli/standard_error.hpp"
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

// Replaces the file, whatever signals come meanwhile. It keeps its time: the newest of a series is
// the one that was taken last, in whatever order they are looked up.
void replace(const std::string& path, const Snapshot& snapshot) {
  is_writing = 1;
  replace_snapshot(snapshot, path);
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

void symbolize_written(const std::vector<KeptSnapshot>& kept, int status) {
  if (kept.empty()) return;
  const EarlyEnd early_end(status);
  ProgressBar bar(kept.back().path, kLookingUpAddresses);
  Symbolizer symbolizer(
      {.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); }});
  std::vector<std::string> warnings;
  // The newest first: it has nearly all addresses that the others have.
  std::for_each(kept.rbegin(), kept.rend(), [&](const KeptSnapshot& snapshot) {
    try {
      symbolize_file(snapshot.path, symbolizer, warnings);
    } catch (const std::exception& error) {
      is_writing = 0;
      warnings.push_back(fmt::format("{}: its addresses stay: {}", snapshot.path, error.what()));
    }
  });
  warn_in_one_line(warnings);
}

}  // namespace memtrace
