#include "cli/input_hint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/suggestion.hpp"

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

bool looks_like_snapshot(std::string_view name) {
  constexpr std::array<std::string_view, 3> kEndings = {".zst", ".pickle", ".pickle.gz"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](const std::string_view ending) { return name.ends_with(ending); });
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

}  // namespace

std::string input_hint(const std::string& path) {
  if (path == "-") return {};
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  std::string meant;
  if (status.type() == fs::file_type::not_found) meant = nearly_named(path);
  if (status.type() == fs::file_type::directory) meant = snapshot_in(path);
  return meant.empty() ? meant : fmt::format(", did you mean '{}'?", meant);
}

}  // namespace memtrace
