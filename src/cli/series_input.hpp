// The snapshots of a series, and reading them.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/standard_error.hpp"
#include "mtrace/read.hpp"
#include "mtrace/symbolize.hpp"

namespace memtrace {

// A snapshot of the series. Standard input can be read once only, and is when it is met.
struct SeriesInput {
  std::string path;
  std::optional<std::int64_t> created{};
  std::optional<Snapshot> snapshot{};
};

bool is_folder(const std::string& path);

// Files, and all snapshots of folders; oldest first. Where some do not say when they were made,
// they stay as they were given, and those of a folder are in the order of their names. The options
// are for standard input. Throws Error.
std::vector<SeriesInput> series_of(std::span<const std::string> paths, const ReadOptions& options);
// The same in the order in which they were given.
std::vector<SeriesInput> inputs_of(std::span<const std::string> paths, const ReadOptions& options);

// Reads and resolves snapshots for several threads. What was looked up for one is not looked up
// again for the others.
class SeriesReader {
 public:
  SeriesReader(std::vector<SeriesInput>& inputs, ReadOptions options);

  Snapshot read(std::size_t index);
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<SeriesInput>& inputs_;
  ReadOptions options_;
  std::mutex mutex_;
  Symbolizer symbolizer_;
  std::vector<std::string> warnings_;
  ProgressBar bar_;
  std::uint64_t done_ = 0;
};

}  // namespace memtrace
