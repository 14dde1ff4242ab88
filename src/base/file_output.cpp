#include "base/file_output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/limits.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
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

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

// In a folder where everybody may make files, what somebody else has put there is not followed, as
// the kernel does not open it (fs.protected_symlinks, fs.protected_fifos).
bool is_planted(const std::string& path, const struct stat& status) {
  struct stat folder {};
  if (status.st_uid == geteuid() || stat(folder_of(path).c_str(), &folder) != 0) return false;
  const bool is_shared = (folder.st_mode & S_ISVTX) != 0 && (folder.st_mode & S_IWOTH) != 0;
  return is_shared && status.st_uid != folder.st_uid;
}

// A symbolic link is followed, so that the file it names is replaced and the link stays. Empty,
// with errno: it must not be.
std::string resolve_links(std::string path) {
  constexpr int kMostLinks = 40;
  for (int i = 0; i < kMostLinks; ++i) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) return path;
    const bool leads_away = S_ISLNK(status.st_mode) || S_ISFIFO(status.st_mode);
    if (leads_away && is_planted(path, status)) {
      errno = EACCES;
      return {};
    }
    if (!S_ISLNK(status.st_mode)) return path;
    char named[PATH_MAX];
    const ssize_t size = readlink(path.c_str(), named, sizeof(named));
    if (size < 0) return {};
    const std::string target(named, static_cast<std::size_t>(size));
    path = target.starts_with('/') ? target : folder_of(path).append(target);
  }
  errno = ELOOP;
  return {};
}

// Beside `path`, with a name that nobody else has: made here, or not at all. Its permissions are
// those of the file that it will replace, or what the umask leaves of the usual ones: it is never
// open to more than that, and the process' umask is not touched.
int make_temporary(const std::string& path, std::string& temporary) {
  constexpr std::string_view kCharacters = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr int kTries = 100;
  struct stat status {};
  const bool replaces = stat(path.c_str(), &status) == 0;
  for (int i = 0; i < kTries; ++i) {
    std::array<unsigned char, 6> random{};
    if (getrandom(random.data(), random.size(), 0) < 0) return -1;
    temporary = path + ".";
    for (const unsigned char byte : random) temporary += kCharacters[byte % kCharacters.size()];
    const mode_t mode = replaces ? status.st_mode & 0666 : 0666;
    const int file =
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file >= 0 && replaces) fchmod(file, status.st_mode & 07777);
    if (file >= 0 || errno != EEXIST) return file;
  }
  return -1;
}

}  // namespace

Output::Output(std::string path) : path_(std::move(path)) {
  buffer_.reserve(kBufferSize);
  if (path_ == "-") {
    file_ = STDOUT_FILENO;
    return;
  }
  owned_ = true;
  const bool replaces = can_be_replaced(path_);
  target_ = resolve_links(path_);
  if (target_.empty()) fail(errno);
  if (replaces) {
    file_ = make_temporary(target_, temporary_);
    if (file_ < 0) temporary_.clear();
  } else {
    file_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  }
  if (file_ < 0) fail(errno);
}

Output::~Output() {
  if (owned_ && file_ >= 0) close(file_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void Output::take_over_time_and_owner() {
  struct stat status {};
  if (temporary_.empty() || stat(path_.c_str(), &status) != 0) return;
  modified_ = status.st_mtim;
  // Only root may give a file away. That takes bits off the permissions.
  const bool given = fchown(file_, status.st_uid, status.st_gid) == 0;
  if (given) fchmod(file_, status.st_mode & 07777);
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
  if (modified_) {
    // A file whose time is not kept is no reason to lose it.
    const timespec times[] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, *modified_};
    static_cast<void>(futimens(file_, times));
  }
  if (!temporary_.empty() && fsync(file_) != 0) fail(errno);
  if (close(std::exchange(file_, -1)) != 0) fail(errno);
  if (temporary_.empty()) return;
  if (rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

bool Output::is_terminal() const {
  return isatty(file_) == 1;
}

void Output::fail(int error) const {
  throw Error(std::strerror(error)).in(path_ == "-" ? "standard output" : path_);
}

}  // namespace memtrace
