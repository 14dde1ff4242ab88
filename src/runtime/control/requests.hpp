// How `mtrace snapshot PID` reaches a process: by a socket of the service's thread. The name of a
// mapping tells its name, and a password, to everybody who may look at the process
// (/proc/PID/maps), and to nobody else.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace memtrace::runtime {

// The mapping is of an unnamed file that is called this, the socket's name in the abstract
// namespace, "-" and the password.
inline constexpr std::string_view kRequestMapping = "mtrace-requests-";

// On the service's thread: a socket that becomes readable when somebody asks; -1 where there is
// none.
int open_request_socket();

// What a request asks for, and whom to tell.
class ReceivedRequest {
 public:
  // The one that has come to the socket, "snapshot PASSWORD", and lines of options behind it.
  // Waits a moment for it.
  explicit ReceivedRequest(int listener);
  ~ReceivedRequest();
  ReceivedRequest(const ReceivedRequest&) = delete;
  ReceivedRequest& operator=(const ReceivedRequest&) = delete;

  // Of somebody who may ask.
  [[nodiscard]] bool is_valid() const { return valid_; }
  // Lines: "work=NUMBER", "label=NAME=VALUE", "file=PATH" for a snapshot beside the series.
  [[nodiscard]] std::string_view options() const {
    return {text_.data() + first_line_, size_ - first_line_};
  }
  // Says where the snapshot is, or which error there was.
  void answer(int error, std::string_view path) const;

 private:
  int connection_ = -1;
  bool valid_ = false;
  std::array<char, 8192> text_;  // NOLINT: the kernel fills it
  std::size_t size_ = 0;
  std::size_t first_line_ = 0;
};

}  // namespace memtrace::runtime
