#include "render/source_lines.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace memtrace {
namespace {

constexpr std::int64_t kLargestFile = std::int64_t{4} << 20;
constexpr std::size_t kLongestLine = 1024;

bool is_readable_kind(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= kLargestFile;
}

// Looked at before it is opened, because opening a device may already do something, and again
// afterwards, because it may be another file by then.
std::string read_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !is_readable_kind(status)) return {};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return {};
  std::string text;
  if (::fstat(file, &status) == 0 && is_readable_kind(status)) {
    text.resize(static_cast<std::size_t>(status.st_size));
    std::size_t filled = 0;
    while (filled < text.size()) {
      const ssize_t got = ::read(file, text.data() + filled, text.size() - filled);
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    text.resize(filled);
  }
  ::close(file);
  return text;
}

std::vector<std::uint32_t> find_line_starts(std::string_view text) {
  std::vector<std::uint32_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.push_back(static_cast<std::uint32_t>(at));
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return starts;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "<string>" and its like are names of no file; with a zero byte, the system would see another
// name.
bool may_be_file(std::string_view filename) {
  return !filename.empty() && filename.front() != '<' &&
         filename.find('\0') == std::string_view::npos;
}

}  // namespace

std::string_view SourceLines::line(std::string_view filename, std::uint32_t lineno) {
  if (lineno == 0 || !may_be_file(filename)) return {};
  const File& found = file(filename);
  if (lineno > found.line_starts.size()) return {};
  const std::size_t begin = found.line_starts[lineno - 1];
  const bool last = lineno == found.line_starts.size();
  const std::size_t end = last ? found.text.size() : found.line_starts[lineno];
  return trimmed(std::string_view(found.text).substr(begin, end - begin)).substr(0, kLongestLine);
}

std::string SourceLines::find_text(const std::string& path) const {
  std::string text = read_file(path);
  for (std::string_view rest = path; text.empty() && !folders_.empty() && !rest.empty();) {
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    for (const std::string& folder : folders_) {
      if (text.empty() && !rest.empty()) text = read_file(folder + '/' + std::string(rest));
    }
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  return text;
}

const SourceLines::File& SourceLines::file(std::string_view filename) {
  const std::string path(filename);
  if (const auto found = files_.find(path); found != files_.end()) return found->second;
  if (cached_ >= kMostCached) {
    files_.clear();
    cached_ = 0;
  }
  File loaded;
  loaded.text = find_text(path);
  if (loaded.text.find('\0') != std::string::npos) loaded.text.clear();
  loaded.line_starts = find_line_starts(loaded.text);
  cached_ += path.size() + loaded.text.size() + 4 * loaded.line_starts.size();
  return files_.emplace(path, std::move(loaded)).first->second;
}

}  // namespace memtrace
