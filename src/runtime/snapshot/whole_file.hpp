// A file that is there whole or not at all, also where the process is killed while it writes.
#pragma once

#include <linux/limits.h>

#include <string_view>

namespace memtrace::runtime {

// Has no name while it is written (O_TMPFILE) and vanishes with its process. Where the file system
// knows no such files it has a temporary name, which is reported before it exists, so that whoever
// started the process can remove it.
class WholeFile {
 public:
  WholeFile() = default;
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  // Opens it in the folder of `path`. A path that is a device or a pipe is written directly. false:
  // see error().
  bool create(const char* path);

  [[nodiscard]] int descriptor() const { return file_; }

  // A device or a pipe: it has its name already.
  [[nodiscard]] bool is_direct() const { return direct_; }

  // Brings the content to the disk.
  bool sync();

  // Gives it the name `path`, in the same folder, in place of what has it now.
  bool publish(const char* path);

  // The number of the last error.
  [[nodiscard]] int error() const { return error_; }

 private:
  bool open_directly(const char* path);
  bool open_unnamed(const char* folder);
  bool open_temporary();
  bool link_to(const char* path);
  bool ok(long result);

  int file_ = -1;
  int error_ = 0;
  bool direct_ = false;
  bool by_descriptor_ = false;     // it can be given a name without /proc
  bool named_ = false;             // as temporary_
  char temporary_[PATH_MAX] = {};  // in the target's folder
};

}  // namespace memtrace::runtime
