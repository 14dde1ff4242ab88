#include "cli/run_snapshots.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>

#include "cli/input.hpp"
#include "cli/standard_error.hpp"
#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"

namespace memtrace {
namespace {

// --- where they go ---

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

// --- what earlier runs left ---

constexpr std::string_view kSuffix = ".zst";
// More digits are somebody else's number.
constexpr std::size_t kMostDigits = 9;

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

// A file's name by a pattern's, piece by piece.
class NameMatch {
 public:
  explicit NameMatch(std::string_view pattern) : pattern_(pattern) {}

  // Whether the name may be one of the pattern's; its number, 0 where it has none.
  bool matches(std::string_view name) {
    number_ = 0;
    return matches_from(0, name);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  // NOLINTNEXTLINE(misc-no-recursion): a step for each of a few conversions.
  bool matches_from(std::size_t at, std::string_view rest) {
    for (; at < pattern_.size(); ++at) {
      const char next = at + 1 < pattern_.size() ? pattern_[at + 1] : '\0';
      if (pattern_[at] == '%' && next == 'e') return matches_program(at + 2, rest);
      if (pattern_[at] == '%' && next == 'n') {
        if (!take_number(rest)) return false;
        ++at;
        continue;
      }
      if (rest.empty() || rest.front() != pattern_[at]) return false;
      rest.remove_prefix(1);
      if (pattern_[at] == '%' && next == '%') ++at;
    }
    return rest.empty();
  }

  // Any program's: which one it will be is known when it runs.
  // NOLINTNEXTLINE(misc-no-recursion)
  bool matches_program(std::size_t at, std::string_view rest) {
    while (!rest.empty()) {
      rest.remove_prefix(1);
      if (matches_from(at, rest)) return true;
    }
    return false;
  }

  bool take_number(std::string_view& rest) {
    const auto digits = static_cast<std::size_t>(
        std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
    if (digits == 0 || digits > kMostDigits) return false;
    std::from_chars(rest.data(), rest.data() + digits, number_);
    rest.remove_prefix(digits);
    return true;
  }

  std::string_view pattern_;
  std::uint64_t number_ = 0;
};

bool contains(std::string_view pattern, char conversion) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == '%' && pattern[++i] == conversion) return true;
  }
  return false;
}

std::string with_before_suffix(const std::string& path, std::string_view text) {
  const std::size_t end = path.size() - (path.ends_with(kSuffix) ? kSuffix.size() : 0);
  return fmt::format("{}{}{}", path.substr(0, end), text, path.substr(end));
}

// "app.zst" and 7: "app.7.zst".
std::string earlier_path(const std::string& path, std::uint64_t number) {
  return with_before_suffix(path, fmt::format(".{}", number));
}

// --- those that are there at the end ---

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// What the handler looks at.
volatile std::sig_atomic_t status_then = 0;
volatile std::sig_atomic_t is_writing = 0, is_interrupted = 0;

constexpr std::string_view kInterruption =
    "\nmtrace: looking up addresses was interrupted: mtrace symbolize does it later\n";

// Nobody waits for a server's answer or for a gigabyte of debug information to be read. What is
// being written is finished first.
void end_early(int) {
  is_interrupted = 1;
  if (is_writing != 0) return;
  static_cast<void>(!write(STDERR_FILENO, kInterruption.data(), kInterruption.size()));
  _exit(status_then);
}

// While it lives, signals that ask for an end lead to the program's status.
class EarlyEnd {
 public:
  explicit EarlyEnd(int status) {
    status_then = status;
    struct sigaction action {};
    action.sa_handler = end_early;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~EarlyEnd() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  EarlyEnd(const EarlyEnd&) = delete;
  EarlyEnd& operator=(const EarlyEnd&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// Replaces the file, whatever signals come meanwhile. It keeps its time: the newest of a series is
// the one that was taken last, in whatever order they are looked up.
void replace(const std::string& path, const Snapshot& snapshot) {
  is_writing = 1;
  replace_snapshot(snapshot, path);
  is_writing = 0;
  if (is_interrupted != 0) end_early(0);
}

void symbolize_file(const std::string& path, Symbolizer& symbolizer,
                    std::vector<std::string>& warnings) {
  Snapshot snapshot = read_snapshot(path, {});
  if (!has_addresses(snapshot)) return;
  const SymbolizeResult result = symbolizer.symbolize(snapshot);
  warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
  replace(path, snapshot);
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

std::uint64_t number_of_last_snapshot(const std::string& pattern) {
  const fs::path path(pattern);
  const std::string name = path.filename(), folder = path.parent_path();
  if (contains(pattern, 'p') || folder.find('%') != std::string::npos) return 0;
  const std::string numbered = contains(name, 'n') ? name : with_before_suffix(name, ".%n");
  NameMatch plain(name), earlier(numbered);
  std::uint64_t last = 0;
  bool has_plain = false;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string there = entry->path().filename();
    std::error_code ignored;
    if (!earlier.matches(there)) {
      has_plain = has_plain || (plain.matches(there) && entry->is_regular_file(ignored));
    } else if (entry->is_regular_file(ignored)) {
      last = std::max(last, earlier.number());
    }
  }
  return last + (has_plain ? 1 : 0);
}

std::vector<KeptSnapshot> kept_snapshots(const RunReport::Content& content, pid_t first_process,
                                         std::uint64_t numbers_before) {
  std::map<std::string, std::size_t> last_of_name;
  for (std::size_t i = 0; i < content.snapshots.size(); ++i) {
    if (content.snapshots[i].error == 0) last_of_name[content.snapshots[i].path] = i;
  }
  std::map<pid_t, std::uint64_t> numbers = {{first_process, numbers_before}};
  std::vector<KeptSnapshot> kept;
  for (std::size_t i = 0; i < content.snapshots.size(); ++i) {
    const RunReport::Snapshot& snapshot = content.snapshots[i];
    const std::uint64_t number = ++numbers[snapshot.process];
    if (snapshot.error != 0) continue;
    const bool is_newest = last_of_name[snapshot.path] == i;
    std::string path = is_newest ? snapshot.path : earlier_path(snapshot.path, number);
    if (is_regular_file(path)) kept.push_back({snapshot.process, std::move(path)});
  }
  return kept;
}

void symbolize_written(const std::vector<KeptSnapshot>& kept, int status) {
  if (kept.empty()) return;
  const EarlyEnd early_end(status);
  ProgressBar bar(kept.back().path, kLookingUpAddresses);
  Symbolizer symbolizer(
      {.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); }});
  std::vector<std::string> warnings;
  // The newest first: it has nearly all addresses that the others have.
  std::for_each(kept.rbegin(), kept.rend(), [&](const KeptSnapshot& snapshot) {
    try {
      symbolize_file(snapshot.path, symbolizer, warnings);
    } catch (const std::exception& error) {
      is_writing = 0;
      warnings.push_back(fmt::format("{}: its addresses stay: {}", snapshot.path, error.what()));
    }
  });
  warn_in_one_line(warnings);
}

}  // namespace memtrace
