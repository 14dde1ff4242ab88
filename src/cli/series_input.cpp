#include "cli/series_input.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "cli/input.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

// "app.9.zst" comes before "app.10.zst".
bool counts_before(const std::string& a, const std::string& b) {
  return strverscmp(a.c_str(), b.c_str()) < 0;
}

// The files in a folder that are snapshots, whatever they are called. One that is called as
// snapshots are must be one: a damaged snapshot is not passed over.
std::vector<SeriesInput> snapshots_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool is_hidden = entry->path().filename().string().starts_with('.');
    if (!is_hidden && entry->is_regular_file(ignored)) paths.push_back(entry->path().string());
  }
  if (error) throw Error(error.message()).in(folder);
  std::ranges::sort(paths, counts_before);
  std::vector<SeriesInput> inputs;
  for (const std::string& path : paths) {
    try {
      inputs.push_back({path, read_info(path).metadata.created});
    } catch (const Error&) {
      if (looks_like_snapshot(path)) throw;
    }
  }
  return inputs;
}

}  // namespace

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::vector<SeriesInput> inputs_of(std::span<const std::string> paths, const ReadOptions& options) {
  std::vector<SeriesInput> inputs;
  bool has_read_standard_input = false;
  for (const std::string& path : paths) {
    if (path == "-") {
      if (std::exchange(has_read_standard_input, true)) {
        throw Error("only one of the snapshots can be standard input");
      }
      Snapshot snapshot = read_with_progress(path, options);
      const auto created = snapshot.metadata.created;
      inputs.push_back({path, created, std::move(snapshot)});
    } else if (is_folder(path)) {
      for (SeriesInput& input : snapshots_in(path)) inputs.push_back(std::move(input));
    } else {
      inputs.push_back({path, read_info_of(path).metadata.created});
    }
  }
  return inputs;
}

std::vector<SeriesInput> series_of(std::span<const std::string> paths, const ReadOptions& options) {
  std::vector<SeriesInput> inputs = inputs_of(paths, options);
  const auto is_dated = [](const SeriesInput& input) { return input.created.has_value(); };
  if (std::ranges::all_of(inputs, is_dated)) {
    std::stable_sort(inputs.begin(), inputs.end(), [](const SeriesInput& a, const SeriesInput& b) {
      return *a.created < *b.created;
    });
  }
  return inputs;
}

SeriesReader::SeriesReader(std::vector<SeriesInput>& inputs, ReadOptions options)
    : inputs_(inputs), options_(std::move(options)), bar_("the series", kReadingSnapshots) {}

Snapshot SeriesReader::read(std::size_t index) {
  SeriesInput& input = inputs_[index];
  Snapshot snapshot =
      input.snapshot ? std::move(*input.snapshot) : read_snapshot(input.path, options_);
  const std::lock_guard lock(mutex_);
  if (has_addresses(snapshot)) {
    const SymbolizeResult result = symbolizer_.symbolize(snapshot);
    warnings_.insert(warnings_.end(), result.warnings.begin(), result.warnings.end());
  }
  bar_.update(++done_, inputs_.size());
  return snapshot;
}

}  // namespace memtrace
