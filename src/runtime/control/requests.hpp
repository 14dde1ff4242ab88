// How `mtrace snapshot PID` reaches a process: by a socket of the service's thread. The name of a
// mapping tells its name, and a password, to everybody who may look at the process
// (/proc/PID/maps), and to nobody else.
#pragma once

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
  // The one that has come to the socket, "snapshot PASSWORD". Waits a moment for it.
  explicit ReceivedRequest(int listener);
  ~ReceivedRequest();
  ReceivedRequest(const ReceivedRequest&) = delete;
  ReceivedRequest& operator=(const ReceivedRequest&) = delete;

  // Of somebody who may ask.
  [[nodiscard]] bool is_valid() const { return valid_; }
  // Says where the snapshot is, or which error there was.
  void answer(int error, std::string_view path) const;

 private:
  int connection_ = -1;
  bool valid_ = false;
};

}  // namespace memtrace::runtime
