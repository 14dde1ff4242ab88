#include "cli/run_snapshots.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConversions = "epn%";

void check_conversions(const std::string& pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') continue;
    ++i;
    if (i < pattern.size() && kConversions.find(pattern[i]) != std::string_view::npos) continue;
    throw Error(fmt::format(
        "--output: '{}' means nothing: there are %e (program), %p (process), %n (number) and %%",
        pattern.substr(i - 1, 2)));
  }
}

// A name in which nothing is a conversion.
std::string as_pattern(const std::string& path) {
  std::string pattern;
  for (const char character : path) {
    pattern += character;
    if (character == '%') pattern += character;
  }
  return pattern;
}

std::string without_percent_pairs(const std::string& pattern) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    path += pattern[i];
    if (pattern[i] == '%') ++i;
  }
  return path;
}

bool has_conversion(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '%' && pattern[++i] != '%') return true;
  }
  return false;
}

// As far as it is known before there is a program.
fs::path known_folder(const fs::path& pattern) {
  fs::path folder;
  for (const fs::path& part : pattern.parent_path()) {
    if (has_conversion(part.string())) break;
    folder /= without_percent_pairs(part);
  }
  return folder;
}

[[noreturn]] void refuse(const fs::path& path, int error) {
  throw Error(std::strerror(error)).in(path.string());
}

// The system is asked to make a file, as the tracer will ask: root is refused in few other ways.
void check_folder(const fs::path& folder) {
  int file = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  // Some file systems have no files without a name; old kernels take the folder for the file.
  if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
    std::string name = folder / ".mtrace.XXXXXX";
    file = mkostemp(name.data(), O_CLOEXEC);
    if (file >= 0) unlink(name.c_str());
  }
  if (file < 0) refuse(folder, errno);
  close(file);
}

void check_name(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    refuse(path, errno);
  }
  // A regular file is replaced, which its folder must allow.
  const bool is_written = !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
  if (is_written && faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) refuse(path, errno);
}

bool is_device(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error) && !fs::is_regular_file(path, error);
}

void check_writable(const fs::path& pattern) {
  const fs::path folder = known_folder(pattern);
  const bool is_whole_folder = !has_conversion(pattern.parent_path().string());
  const bool is_whole = is_whole_folder && !has_conversion(pattern.string());
  const std::string path = without_percent_pairs(pattern);
  if (is_whole) check_name(path);
  if (is_whole && is_device(path)) return;
  if (is_whole_folder) return check_folder(folder);
  if (faccessat(AT_FDCWD, folder.c_str(), X_OK, AT_EACCESS) != 0) refuse(folder, errno);
}

}  // namespace

std::string absolute_pattern(const std::string& output) {
  if (output.empty()) throw Error("--output: where to? The name is empty");
  if (output == "-") {
    throw Error("--output: snapshots go to files, standard output is the program's");
  }
  std::error_code error;
  const bool is_folder = fs::is_directory(output, error);
  if (!is_folder) check_conversions(output);
  fs::path path = is_folder ? as_pattern(output) : output;
  if (is_folder) path /= kDefaultPattern;
  // What the folder's own name holds is no conversion.
  if (path.is_relative()) path = as_pattern(fs::current_path(error)) / path;
  check_writable(path);
  return path;
}

}  // namespace memtrace
