#include "cli/snapshot_request.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
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
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
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

// Where a process listens, and the password that it asks for; readable by its owner and root.
struct Door {
  std::string name;
  std::string password;
};

class Request {
 public:
  Request(pid_t process, std::chrono::milliseconds timeout, std::string told)
      : process_(process),
        timeout_(timeout),
        end_(Clock::now() + timeout),
        told_(std::move(told)) {}

  // While a program looks at its own threads, it takes no requests for a moment.
  std::string run() {
    constexpr std::chrono::milliseconds kAway(2000), kBetween(5);
    const Clock::time_point give_up = std::min(end_, Clock::now() + kAway);
    while (true) {
      const std::optional<std::string> path = ask();
      if (path.has_value()) return *path;
      if (Clock::now() >= give_up || kill(process_, 0) != 0) fail("it takes no requests now");
      std::this_thread::sleep_for(kBetween);
    }
  }

 private:
  // nullopt: the process takes no requests now.
  std::optional<std::string> ask() {
    const Door door = find_door();
    const Descriptor channel(socket_in_its_network());
    if (!connect_to(channel, door)) return std::nullopt;
    const std::string request = "snapshot " + door.password + told_;
    if (send(channel.number(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      return std::nullopt;
    }
    return wait_for_answer(channel);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(what).in(fmt::format("process {}", process_));
  }

  // The tracer publishes it as the name of a mapping: "NAME-PASSWORD".
  [[nodiscard]] Door find_door() const {
    constexpr std::string_view kMapping = "/memfd:mtrace-requests-";
    if (kill(process_, 0) != 0 && errno == ESRCH) fail("there is none");
    std::ifstream maps(fmt::format("/proc/{}/maps", process_));
    bool has_tracer = false, has_extension = false, is_readable = false;
    for (std::string line; std::getline(maps, line); is_readable = true) {
      has_tracer = has_tracer || line.find("libmtrace_rt") != std::string::npos;
      has_extension = has_extension || line.find("/mtrace/_mtrace.") != std::string::npos;
      const std::size_t at = line.find(kMapping);
      if (at == std::string::npos) continue;
      const std::string text = line.substr(at + kMapping.size());
      const std::size_t dash = text.find('-');
      if (dash == std::string::npos) continue;
      return {text.substr(0, dash), text.substr(dash + 1, text.find(' ') - dash - 1)};
    }
    if (has_extension) {
      fail(
          "mtrace's Python package traces it, which takes no requests: start it with mtrace run, "
          "or with --on-signal");
    }
    if (has_tracer) fail("it has the tracer, but takes no requests now");
    if (!is_readable && kill(process_, 0) != 0) fail(std::strerror(errno));
    if (!is_readable && access(fmt::format("/proc/{}/maps", process_).c_str(), R_OK) != 0) {
      fail(std::strerror(errno));
    }
    fail("it is not traced: start it with mtrace run");
  }

  // Socket names such as the tracer's belong to a network namespace, and a container has its own.
  [[nodiscard]] int socket_in_its_network() const {
    const auto network_of = [](const std::string& process) {
      return fmt::format("/proc/{}/ns/net", process);
    };
    struct stat own {
    }, its{};
    const std::string its_network = network_of(std::to_string(process_));
    const bool is_same = stat(network_of("self").c_str(), &own) != 0 ||
                         stat(its_network.c_str(), &its) != 0 || own.st_ino == its.st_ino;
    if (!is_same) {
      const Descriptor network(open(its_network.c_str(), O_RDONLY | O_CLOEXEC));
      if (network.number() < 0 || setns(network.number(), CLONE_NEWNET) != 0) {
        fail(fmt::format("it is in another network namespace, which cannot be entered: {}",
                         std::strerror(errno)));
      }
    }
    const int channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (channel < 0) throw Error(std::strerror(errno));
    return channel;
  }

  [[nodiscard]] bool connect_to(const Descriptor& channel, const Door& door) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    door.name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + door.name.size());
    const timeval patience{.tv_sec = timeout_.count() / 1000,
                           .tv_usec = timeout_.count() % 1000 * 1000};
    static_cast<void>(
        setsockopt(channel.number(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)));
    if (connect(channel.number(), reinterpret_cast<const sockaddr*>(&address), size) == 0) {
      return true;
    }
    if (errno == EAGAIN) fail(no_answer());
    return false;
  }

  [[nodiscard]] std::string no_answer() const {
    return fmt::format("no answer within {} s: it is stopped, or its disk is slow",
                       std::chrono::duration<double>(timeout_).count());
  }

  [[nodiscard]] int milliseconds_left() const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  // "ERROR PATH"
  [[nodiscard]] std::optional<std::string> wait_for_answer(const Descriptor& channel) const {
    pollfd watched{channel.number(), POLLIN, 0};
    int ready = 0;
    do {
      ready = poll(&watched, 1, milliseconds_left());
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) fail(no_answer());
    std::string text(2 * PATH_MAX, '\0');
    const ssize_t got = recv(channel.number(), text.data(), text.size(), 0);
    // Reset: the process closed the socket before it read the request.
    if (got < 0 && errno == ECONNRESET) return std::nullopt;
    if (got <= 0 && !told_.empty()) fail("it ended, or its tracer is too old for --work, --label");
    if (got <= 0) fail("it ended before it wrote a snapshot");
    text.resize(static_cast<std::size_t>(got));
    const std::size_t space = std::min(text.find(' '), text.size());
    int error = 0;
    std::from_chars(text.data(), text.data() + space, error);
    const std::string path = text.substr(std::min(space + 1, text.size()));
    if (error == ENODATA) fail("it has the tracer, but does not trace now");
    if (error == EAGAIN) fail("its counters cannot be read now: it has no memory, or stands still");
    if (error == EINVAL && !told_.empty()) fail("its tracer does not understand the options");
    if (error != 0) throw Error(std::strerror(error)).in(path);
    return path;
  }

  pid_t process_;
  std::chrono::milliseconds timeout_;
  Clock::time_point end_;
  std::string told_;
};

}  // namespace

std::string request_snapshot(pid_t process, std::chrono::milliseconds timeout, std::string told) {
  return Request(process, timeout, std::move(told)).run();
}

pid_t parse_process(const std::string& text) {
  pid_t process = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, process);
  if (error != std::errc() || behind != end || process <= 0) {
    throw Error(fmt::format("'{}' is not a process id", text));
  }
  return process;
}

}  // namespace memtrace
