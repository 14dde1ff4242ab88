#include "cli/input.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>

#include "base/suggestion.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

// A folder with more is not searched to the end: the hint is not worth the wait.
constexpr std::size_t kMostFiles = 10000;

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (names.size() == kMostFiles) break;
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) names.push_back(entry->path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string snapshot_in(const fs::path& folder) {
  const std::vector<std::string> names = files_in(folder);
  const auto found = std::find_if(names.begin(), names.end(), looks_like_snapshot);
  return found == names.end() ? std::string() : (folder / *found).string();
}

std::string nearly_named(const fs::path& path) {
  const fs::path folder = path.parent_path();
  const std::string name =
      nearest(path.filename().string(), files_in(folder.empty() ? "." : folder));
  return name.empty() ? name : (folder / name).string();
}

// "did you mean" for files, behind the complaint that `path` cannot be read; empty where there is
// no file with nearly that name, nor a snapshot in the folder that it is.
std::string input_hint(const std::string& path) {
  if (path == "-") return {};
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  std::string meant;
  if (status.type() == fs::file_type::not_found) meant = nearly_named(path);
  if (status.type() == fs::file_type::directory) meant = snapshot_in(path);
  return meant.empty() ? meant : fmt::format(", did you mean '{}'?", meant);
}

}  // namespace

Option snapshot_argument(std::string& path, std::string_view value, std::string_view summary) {
  return {.value = value,
          .into = &path,
          .summary = summary,
          .completion = Completion::files,
          .is_required = true};
}

bool looks_like_snapshot(std::string_view name) {
  constexpr std::array<std::string_view, 3> kEndings = {".zst", ".pickle", ".pickle.gz"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](const std::string_view ending) { return name.ends_with(ending); });
}

Snapshot read_with_progress(const std::string& path, ReadOptions options) {
  ProgressBar bar(path);
  options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  try {
    return read_snapshot(path, options);
  } catch (const Error& error) {
    throw Error(error.what() + input_hint(path));
  }
}

SnapshotInfo read_info_of(const std::string& path, bool timelines) {
  try {
    return read_info(path, timelines);
  } catch (const Error& error) {
    throw Error(error.what() + input_hint(path));
  }
}

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
  return resolved(read_with_progress(path, options), path);
}

Snapshot resolved(Snapshot snapshot, const std::string& path) {
  if (!has_addresses(snapshot)) return snapshot;
  constexpr auto kLong = std::chrono::milliseconds(500);
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
