#include "cli/input.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>

#include "cli/complaint.hpp"
#include "cli/standard_error.hpp"

namespace memtrace {
namespace {

constexpr auto kLong = std::chrono::milliseconds(500);

}  // namespace

void warn_in_one_line(const std::vector<std::string>& warnings) {
  if (warnings.empty()) return;
  const std::size_t others = warnings.size() - 1;
  const std::string more = others == 0
                               ? ""
                               : fmt::format("; and {} other module{} (mtrace symbolize lists all)",
                                             others, others == 1 ? "" : "s");
  complain(fmt::format("warning: {}{}", warnings.front(), more));
}

SymbolizeResult symbolize_with_progress(Snapshot& snapshot, const std::string& path,
                                        SymbolizeOptions options) {
  ProgressBar bar(path, kLookingUpAddresses);
  options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  return symbolize(snapshot, options);
}

Snapshot read_resolved(const std::string& path, const ReadOptions& options) {
  Snapshot snapshot = read_with_progress(path, options);
  if (!has_addresses(snapshot)) return snapshot;
  const auto start = std::chrono::steady_clock::now();
  const SymbolizeResult result = symbolize_with_progress(snapshot, path, {});
  warn_in_one_line(result.warnings);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  // What nothing is known of stays as it is, also in a snapshot that was symbolized already.
  const bool is_worth_keeping = result.with_lines + result.with_names > 0;
  if (is_worth_keeping && elapsed > kLong && isatty(STDERR_FILENO) == 1) {
    complain(
        fmt::format("looking up addresses took {:.1f} s: mtrace symbolize {} -o FILE keeps "
                    "the result",
                    std::chrono::duration<double>(elapsed).count(), path));
  }
  return snapshot;
}

}  // namespace memtrace
