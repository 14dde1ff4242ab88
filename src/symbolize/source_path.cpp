#include "symbolize/source_path.hpp"

#include <algorithm>

namespace memtrace {

std::string tidy_path(std::string_view path) {
  std::string tidy = path.starts_with('/') ? "/" : "";
  const std::size_t root = tidy.size();
  std::size_t parents = root;  // behind the ".." that a relative path begins with
  while (!path.empty()) {
    const std::size_t size = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, size);
    path.remove_prefix(std::min(size + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == ".." && tidy.size() > parents) {
      const std::size_t slash = tidy.rfind('/');
      tidy.resize(slash == std::string::npos ? 0 : std::max(slash, root));
      continue;
    }
    if (part == ".." && root == 1) continue;  // the root is its own parent
    if (tidy.size() > root) tidy += '/';
    tidy += part;
    if (part == "..") parents = tidy.size();
  }
  return tidy;
}

}  // namespace memtrace
