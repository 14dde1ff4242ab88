#include "runtime/control/requests.hpp"

#include <linux/limits.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "runtime/os/messages.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::size_t kPage = 4096;

constinit TextBuffer<24> password;

// Another one in each process. Without random numbers there is none, and nobody may ask.
bool choose_password() {
  std::uint64_t number = 0;
  if (system_call(SYS_getrandom, &number, sizeof(number), 0) != sizeof(number)) return false;
  password.clear();
  password << number;
  return true;
}

// An empty file: nobody reads the page. A child of a fork has none: it would tell of its parent.
void map_named(const char* name) {
  const long file = system_call(SYS_memfd_create, name, MFD_CLOEXEC);
  if (is_error(file)) return;
  const long mapped = system_call(SYS_mmap, nullptr, kPage, PROT_NONE, MAP_PRIVATE, file, 0);
  system_call(SYS_close, file);
  if (!is_error(mapped)) system_call(SYS_madvise, mapped, kPage, MADV_DONTFORK);
}

// Where the process is reached, and which process that is.
constinit sockaddr_un address{};
constinit socklen_t address_size = 0;
constinit int reached_process = 0;

bool bind_and_listen(long listener, socklen_t size) {
  return !is_error(system_call(SYS_bind, listener, &address, size)) &&
         !is_error(system_call(SYS_listen, listener, 8));
}

// Where an earlier thread was reached: its mapping still says so. Not where the process is in
// another network now, and somebody has the name there.
bool bind_again(long listener) {
  return reached_process == process_id() && bind_and_listen(listener, address_size);
}

// The kernel chooses a name that nobody has: five hexadecimal digits behind a NUL.
bool bind_anywhere(long listener) {
  address = {};
  address.sun_family = AF_UNIX;
  return bind_and_listen(listener, sizeof(address.sun_family));
}

bool publish_name(long listener) {
  if (!choose_password()) return false;
  address_size = sizeof(address);
  if (is_error(system_call(SYS_getsockname, listener, &address, &address_size))) return false;
  reached_process = process_id();
  TextBuffer<64> name;
  name << kRequestMapping
       << std::string_view(address.sun_path + 1, address_size - offsetof(sockaddr_un, sun_path) - 1)
       << '-' << password.text();
  map_named(name.c_str());
  return true;
}

}  // namespace

int open_request_socket() {
  const long listener =
      system_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (is_error(listener)) return -1;
  if (bind_again(listener)) return static_cast<int>(listener);
  if (bind_anywhere(listener) && publish_name(listener)) return static_cast<int>(listener);
  system_call(SYS_close, listener);
  return -1;
}

ReceivedRequest::ReceivedRequest(int listener) {
  const long connection = system_call(SYS_accept4, listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (is_error(connection)) return;
  connection_ = static_cast<int>(connection);
  constexpr long kMilliseconds = 1'000'000;
  const timespec patience = {.tv_sec = 0, .tv_nsec = 500 * kMilliseconds};
  pollfd watched{connection_, POLLIN, 0};
  const long ready = system_call(SYS_ppoll, &watched, 1, &patience, nullptr, 0);
  const long got = ready <= 0 ? 0
                              : system_call(SYS_recvfrom, connection_, text_.data(), text_.size(),
                                            MSG_DONTWAIT, nullptr, nullptr);
  if (got <= 0) return;
  size_ = static_cast<std::size_t>(got);
  const std::string_view text(text_.data(), size_);
  const std::string_view line(text.data(), std::min(text.find('\n'), size_));
  first_line_ = std::min(line.size() + 1, size_);
  TextBuffer<64> expected;
  expected << "snapshot " << password.text();
  valid_ = line == expected.text();
}

ReceivedRequest::~ReceivedRequest() {
  if (connection_ >= 0) system_call(SYS_close, connection_);
}

// As "ERROR PATH".
void ReceivedRequest::answer(int error, std::string_view path) const {
  TextBuffer<PATH_MAX + 16> message;
  message << static_cast<std::uint64_t>(error) << ' ' << path;
  system_call(SYS_sendto, connection_, message.c_str(), message.text().size(),
              MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
}

}  // namespace memtrace::runtime
