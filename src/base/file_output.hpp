// Bytes out: a file that is there whole or not at all, or standard output.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace memtrace {

// Collects bytes and writes them in large pieces. A regular file is written under a temporary name
// in the same folder and gets its own name in commit(); without commit() nothing is left behind.
// Standard output ("-"), a device or a pipe is written directly.
//
// Throws Error, headed by the path, for everything that fails, with one exception: a reader that
// went away (EPIPE, as with `| head`) is not an error; what is written from then on is dropped.
class Output {
 public:
  explicit Output(std::string path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // The file will have the time of its last change, and, where that is allowed, the owner of the
  // one that it replaces.
  void take_over_time_and_owner();

  void write(std::string_view bytes);
  // Flushes, syncs and renames. Nothing may be written afterwards.
  void commit();

  // A person reads what is written here.
  [[nodiscard]] bool is_terminal() const;

 private:
  void flush();
  [[noreturn]] void fail(int error) const;

  std::string path_;
  std::string target_;     // what it names in the end
  std::string temporary_;  // empty: written directly
  std::string buffer_;
  int file_ = -1;
  bool owned_ = false;
  bool reader_gone_ = false;
  std::optional<timespec> modified_;  // of the file that is replaced
};

}  // namespace memtrace
