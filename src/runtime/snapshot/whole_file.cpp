#include "runtime/snapshot/whole_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "runtime/os/messages.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr mode_t kNewFile = 0666;  // the umask takes from it

// With its last slash; empty: the present folder.
std::string_view folder_of(std::string_view path) {
  std::size_t size = path.size();
  while (size > 0 && path.data()[size - 1] != '/') --size;
  return {path.data(), size};
}

bool look_at(const char* path, int flags, struct stat& status) {
  return !is_error(system_call(SYS_newfstatat, AT_FDCWD, path, &status, flags));
}

// In a folder where everybody may make files, a link or a pipe that somebody else has put there is
// not followed, as the kernel does not open it (fs.protected_symlinks, fs.protected_fifos).
bool is_planted(const char* path) {
  struct stat status {
  }, folder{};
  if (!look_at(path, AT_SYMLINK_NOFOLLOW, status)) return false;
  if (!S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode)) return false;
  if (status.st_uid == static_cast<uid_t>(system_call(SYS_geteuid))) return false;
  TextBuffer<PATH_MAX> folder_path;
  folder_path << folder_of(path) << ".";
  if (!folder_path.is_whole() || !look_at(folder_path.c_str(), 0, folder)) return false;
  const bool is_shared = (folder.st_mode & S_ISVTX) != 0 && (folder.st_mode & S_IWOTH) != 0;
  return is_shared && status.st_uid != folder.st_uid;
}

// A device or a pipe cannot be replaced.
bool is_special(const char* path) {
  struct stat status {};
  return look_at(path, 0, status) && !S_ISREG(status.st_mode) && !is_planted(path);
}

TextBuffer<40> path_of_descriptor(int file) {
  TextBuffer<40> path;
  // The thread's own: it need not share the process' descriptors.
  path << "/proc/thread-self/fd/" << static_cast<std::uint64_t>(file);
  return path;
}

// Whether the kernel lets this process give the file a name by its descriptor alone, which newer
// ones do, and all do for root: what exists already shows it.
bool may_link_descriptor(long file) {
  return system_call(SYS_linkat, file, "", AT_FDCWD, "/", AT_EMPTY_PATH) == -EEXIST;
}

}  // namespace

WholeFile::~WholeFile() {
  if (file_ >= 0) system_call(SYS_close, file_);
  if (named_) system_call(SYS_unlinkat, AT_FDCWD, temporary_, 0);
}

bool WholeFile::ok(long result) {
  if (is_error(result)) error_ = static_cast<int>(-result);
  return !is_error(result);
}

bool WholeFile::create(const char* path) {
  if (is_special(path)) return open_directly(path);
  TextBuffer<PATH_MAX> name;
  name << folder_of(path) << ".mtrace." << static_cast<std::uint64_t>(thread_id()) << ".tmp";
  if (!name.is_whole()) {
    error_ = ENAMETOOLONG;
    return false;
  }
  std::memcpy(temporary_, name.c_str(), name.text().size() + 1);
  TextBuffer<PATH_MAX> folder;
  folder << folder_of(path) << ".";
  return open_unnamed(folder.c_str()) || open_temporary();
}

bool WholeFile::open_directly(const char* path) {
  direct_ = true;
  const long file = system_call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
  if (ok(file)) file_ = static_cast<int>(file);
  return file_ >= 0;
}

// Only where it can get a name later. By way of /proc that costs the kernel much, when the process
// ends: a short one should not look there.
bool WholeFile::open_unnamed(const char* folder) {
  const long file =
      system_call(SYS_openat, AT_FDCWD, folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, kNewFile);
  if (is_error(file)) return false;
  file_ = static_cast<int>(file);
  by_descriptor_ = may_link_descriptor(file);
  if (by_descriptor_) return true;
  if (!is_error(system_call(SYS_faccessat, AT_FDCWD, path_of_descriptor(file_).c_str(), F_OK))) {
    return true;
  }
  system_call(SYS_close, file_);
  file_ = -1;
  return false;
}

bool WholeFile::open_temporary() {
  send_message(MessageKind::temporary, temporary_);
  // One that a thread of the same number left.
  system_call(SYS_unlinkat, AT_FDCWD, temporary_, 0);
  const long file = system_call(SYS_openat, AT_FDCWD, temporary_,
                                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kNewFile);
  if (!ok(file)) return false;
  named_ = true;
  file_ = static_cast<int>(file);
  return true;
}

bool WholeFile::sync() {
  return direct_ || ok(system_call(SYS_fdatasync, file_));
}

bool WholeFile::link_to(const char* path) {
  if (by_descriptor_) {
    return ok(system_call(SYS_linkat, file_, "", AT_FDCWD, path, AT_EMPTY_PATH));
  }
  return ok(system_call(SYS_linkat, AT_FDCWD, path_of_descriptor(file_).c_str(), AT_FDCWD, path,
                        AT_SYMLINK_FOLLOW));
}

bool WholeFile::publish(const char* path) {
  if (direct_) return true;
  if (!named_) {
    if (link_to(path)) return true;
    if (error_ != EEXIST) return false;
    // A name that is taken can only be replaced by renaming, so it needs one to come from.
    send_message(MessageKind::temporary, temporary_);
    system_call(SYS_unlinkat, AT_FDCWD, temporary_, 0);
    if (!link_to(temporary_)) return false;
    named_ = true;
  }
  if (!ok(system_call(SYS_renameat, AT_FDCWD, temporary_, AT_FDCWD, path))) return false;
  named_ = false;
  return true;
}

}  // namespace memtrace::runtime
