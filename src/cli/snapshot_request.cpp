#include "cli/snapshot_request.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <utility>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

// One for a snapshot of a process.
class Request {
 public:
  Request(pid_t process, std::chrono::seconds timeout)
      : process_(process), timeout_(timeout), end_(Clock::now() + timeout) {}

  std::string run() {
    const int signal = find_signal();
    const Descriptor channel(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int number = listen_on(channel);
    sigval value{};
    value.sival_int = number;
    if (sigqueue(process_, signal, value) != 0) fail(std::strerror(errno));
    return wait_for_answer(channel);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(what).in(fmt::format("process {}", process_));
  }

  // The tracer publishes it as the name of a mapping.
  [[nodiscard]] int find_signal() const {
    constexpr std::string_view kMapping = "/memfd:mtrace-signal-";
    if (kill(process_, 0) != 0 && errno == ESRCH) fail("there is none");
    std::ifstream maps(fmt::format("/proc/{}/maps", process_));
    bool has_tracer = false, is_readable = false;
    for (std::string line; std::getline(maps, line); is_readable = true) {
      has_tracer = has_tracer || line.find("libmtrace_rt") != std::string::npos;
      const std::size_t at = line.find(kMapping);
      if (at == std::string::npos) continue;
      int signal = 0;
      std::from_chars(line.data() + at + kMapping.size(), line.data() + line.size(), signal);
      if (signal > 0 && signal <= SIGRTMAX && is_caught(signal)) return signal;
    }
    if (has_tracer) fail("it has the tracer, but takes no requests now");
    if (!is_readable && kill(process_, 0) != 0) fail(std::strerror(errno));
    if (!is_readable && access(fmt::format("/proc/{}/maps", process_).c_str(), R_OK) != 0) {
      fail(std::strerror(errno));
    }
    fail("it is not traced: start it with mtrace run");
  }

  // Otherwise it would end the process: one that has just executed another program, or that has
  // taken the signal back in a way that the tracer cannot see.
  [[nodiscard]] bool is_caught(int signal) const {
    constexpr std::string_view kCaught = "SigCgt:\t";
    std::ifstream status(fmt::format("/proc/{}/status", process_));
    std::uint64_t mask = 0;
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with(kCaught)) continue;
      std::from_chars(line.data() + kCaught.size(), line.data() + line.size(), mask, 16);
    }
    return (mask >> (signal - 1) & 1) != 0;
  }

  // Under a name that only the two of us know. Returns the number in it.
  [[nodiscard]] int listen_on(const Descriptor& channel) const {
    int number = 0;
    static_cast<void>(!getrandom(&number, sizeof(number), 0));
    const std::string name =
        fmt::format("mtrace-snapshot-{}-{}", getpid(), static_cast<std::uint32_t>(number));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int yes = 1;
    const bool listens =
        setsockopt(channel.number(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0 &&
        bind(channel.number(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
    if (!listens) throw Error(std::strerror(errno));
    return number;
  }

  [[nodiscard]] int milliseconds_left() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  // "ERROR PATH"
  [[nodiscard]] std::string wait_for_answer(const Descriptor& channel) const {
    const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, process_, 0)));
    pollfd watched[2] = {{channel.number(), POLLIN, 0}, {process.number(), POLLIN, 0}};
    while (true) {
      const int ready = poll(watched, 2, milliseconds_left());
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        fail(fmt::format("no answer within {} s: it is stopped, or blocks all signals",
                         timeout_.count()));
      }
      if (watched[0].revents == 0) fail("it ended before it wrote a snapshot");
      const auto [sender, text] = receive(channel);
      if (sender != process_) continue;
      const std::size_t space = std::min(text.find(' '), text.size());
      int error = 0;
      std::from_chars(text.data(), text.data() + space, error);
      const std::string path = text.substr(std::min(space + 1, text.size()));
      if (error == ENODATA) fail("it has the tracer, but does not trace now");
      if (error != 0) throw Error(std::strerror(error)).in(path);
      return path;
    }
  }

  // The kernel says who sent it.
  static std::pair<pid_t, std::string> receive(const Descriptor& channel) {
    std::string text(2 * PATH_MAX, '\0');
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t size = recvmsg(channel.number(), &message, 0);
    const cmsghdr* const header = size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) return {0, {}};
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    text.resize(static_cast<std::size_t>(size));
    return {credentials.pid, text};
  }

  pid_t process_;
  std::chrono::seconds timeout_;
  Clock::time_point end_;
};

}  // namespace

std::string request_snapshot(pid_t process, std::chrono::seconds timeout) {
  return Request(process, timeout).run();
}

}  // namespace memtrace
