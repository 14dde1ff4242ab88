#include "cli/run_report.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// The word before the next space, which `line` loses along with it.
std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

int take_number(std::string_view& line) {
  const std::string_view word = take_word(line);
  int number = 0;
  std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

// "KIND PROCESS ERROR PATH".
void add_line(RunReport::Content& content, std::string_view line) {
  const std::string_view kind = take_word(line);
  const pid_t process = take_number(line);
  const int error = take_number(line);
  const RunReport::Snapshot snapshot{process, std::string(line), error};
  if (kind == "s") content.processes.push_back(process);
  if (kind == "m") content.other_mallocs.emplace_back(line);
  if (kind == "i") content.interpreters.emplace_back(line);
  if (kind == "o") content.others.emplace_back(line);
  if (kind == "t") content.temporaries.push_back(snapshot);
  if (kind == "g") content.given_up.push_back(snapshot);
  if (kind == "w" || kind == "f") content.snapshots.push_back(snapshot);
}

}  // namespace

RunReport::RunReport() : file_(memfd_create("mtrace-report", MFD_CLOEXEC)) {
  if (file_ < 0) throw Error(std::strerror(errno));
}

RunReport::~RunReport() {
  close(file_);
}

std::string RunReport::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), file_);
}

RunReport::Content RunReport::read() const {
  std::string text;
  char buffer[4096];
  for (off_t at = 0;;) {
    const ssize_t got = pread(file_, buffer, sizeof(buffer), at);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    at += got;
  }
  Content content;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    add_line(content, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return content;
}

std::size_t RunReport::Content::written() const {
  const auto is_written = [](const Snapshot& snapshot) { return snapshot.error == 0; };
  return static_cast<std::size_t>(std::ranges::count_if(snapshots, is_written));
}

const RunReport::Snapshot* RunReport::Content::last_failure() const {
  const auto found = std::find_if(snapshots.rbegin(), snapshots.rend(),
                                  [](const Snapshot& snapshot) { return snapshot.error != 0; });
  return found == snapshots.rend() ? nullptr : &*found;
}

void remove_leftovers(const RunReport::Content& content) {
  for (const auto& [process, path, error] : content.temporaries) {
    const bool is_gone = kill(process, 0) != 0 && errno == ESRCH;
    if (is_gone) unlink(path.c_str());
  }
}

}  // namespace memtrace
