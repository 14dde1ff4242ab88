#include "symbolize/unit_files.hpp"

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

// A relative path is relative to the folder that the compiler ran in. Where that is relative
// itself, it may stand before the path already.
std::string UnitFiles::whole_path(const std::string& path) const {
  std::string tidy = tidy_path(path);
  const bool is_whole =
      folder_.empty() || tidy.starts_with('/') || tidy.starts_with(tidy_path(folder_) + '/');
  return is_whole ? tidy : tidy_path(folder_ + '/' + path);
}

std::string UnitFiles::path_of(std::size_t number) const {
  const LineHeader::File& file = header_.files[number];
  std::string path(file.name);
  if (path.starts_with('/') || file.folder >= header_.folders.size()) return path;
  const std::string_view folder = header_.folders[file.folder];
  return folder.empty() ? path : std::string(folder) + '/' + path;
}

StringId UnitFiles::operator[](std::uint64_t number) {
  const std::size_t count = header_.files.size();
  if (number >= count) return kNone<StringId>;
  if (known_.size() < count) known_.resize(count, kNone<StringId>);
  StringId& known = known_[number];
  if (known == kNone<StringId>) {
    const std::string path = path_of(number);
    if (!path.empty()) known = names_.text(whole_path(path));
  }
  return known;
}

}  // namespace memtrace
