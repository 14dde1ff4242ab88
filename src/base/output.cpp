#include "base/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;

// A file that exists and is no regular one (a device, a FIFO, /dev/stdout) cannot be replaced by
// renaming; a new or regular file can.
bool can_be_replaced(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode);
}

// The permissions that open(2) would have given a new file.
mode_t permissions_of_new_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) return status.st_mode & 07777;
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

// A symbolic link is followed, so that the file it names is replaced and the link stays.
std::string resolve_links(const std::string& path) {
  char* const resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string result(resolved);
  std::free(resolved);
  return result;
}

}  // namespace

Output::Output(std::string path) : path_(std::move(path)) {
  buffer_.reserve(kBufferSize);
  if (path_ == "-") {
    file_ = STDOUT_FILENO;
    return;
  }
  owned_ = true;
  if (can_be_replaced(path_)) {
    temporary_ = resolve_links(path_) + ".XXXXXX";
    file_ = mkostemp(temporary_.data(), O_CLOEXEC);
    if (file_ < 0) temporary_.clear();
    if (file_ >= 0) fchmod(file_, permissions_of_new_file(path_));
  } else {
    file_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  }
  if (file_ < 0) fail(errno);
}

Output::~Output() {
  if (owned_ && file_ >= 0) close(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void Output::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferSize) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty() && !reader_gone_) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      reader_gone_ = true;
    } else if (errno != EINTR) {
      fail(errno);
    }
  }
  buffer_.clear();
}

void Output::commit() {
  flush();
  if (!owned_) return;
  if (!temporary_.empty() && fsync(file_) != 0) fail(errno);
  if (close(std::exchange(file_, -1)) != 0) fail(errno);
  if (temporary_.empty()) return;
  if (rename(temporary_.c_str(), resolve_links(path_).c_str()) != 0) fail(errno);
  temporary_.clear();
}

bool Output::is_terminal() const {
  return isatty(file_) == 1;
}

void Output::fail(int error) const {
  throw Error(std::strerror(error)).in(path_ == "-" ? "standard output" : path_);
}

}  // namespace memtrace
