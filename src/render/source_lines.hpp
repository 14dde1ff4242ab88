// Lines of source files that lie on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace memtrace {

// The file names come from a snapshot, and nobody vouches for it: only regular files of moderate
// size are read, never a device or a pipe, and what looks binary has no lines. A file is read once,
// and kept as long as all of them take less than kMostCached bytes.
//
// A file that is not at its own path may be in one of `folders`: below its whole path, or below
// what is left of that without some of its leading folders; the more is left, the better.
class SourceLines {
 public:
  SourceLines() = default;
  explicit SourceLines(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // Without the white space around it, and cut where it is very long; empty where there is no such
  // file or line. Raw text. Valid until the next call.
  std::string_view line(std::string_view filename, std::uint32_t lineno);

 private:
  struct File {
    std::string text;
    std::vector<std::uint32_t> line_starts;
  };

  const File& file(std::string_view filename);
  [[nodiscard]] std::string find_text(const std::string& path) const;

  static constexpr std::size_t kMostCached = std::size_t{64} << 20;

  std::vector<std::string> folders_;
  std::unordered_map<std::string, File> files_;
  std::size_t cached_ = 0;
};

}  // namespace memtrace
