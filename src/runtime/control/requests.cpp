#include "runtime/control/requests.hpp"

#include <linux/limits.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "runtime/os/lock.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/os/text_buffer.hpp"

namespace memtrace::runtime {
namespace {

constexpr std::size_t kPage = 4096;

struct Published {
  void* mapping = nullptr;
  int signal = 0;
  SignalHandler handler = nullptr;
};
constinit Published published;
constinit Lock
    publishing;  // with all signals blocked: the program may call sigaction() in a handler

// Free ones only, from the middle of the range: programs count from its ends.
int choose_signal(SignalHandler handler, int but_not = 0) {
  constexpr int kFirst = 55, kLast = 40;
  for (int signal = kFirst; signal >= kLast; --signal) {
    if (signal == but_not || is_blocked(signal)) continue;
    if (handle_by_default(signal, handler)) return signal;
  }
  return 0;
}

// An empty file: nobody reads the page.
void* map_named(const char* name) {
  const long file = system_call(SYS_memfd_create, name, MFD_CLOEXEC);
  if (is_error(file)) return nullptr;
  const long mapped = system_call(SYS_mmap, nullptr, kPage, PROT_NONE, MAP_PRIVATE, file, 0);
  system_call(SYS_close, file);
  return is_error(mapped) ? nullptr : reinterpret_cast<void*>(mapped);
}

}  // namespace

namespace {

void unmap_name(void* mapping) {
  if (mapping != nullptr) system_call(SYS_munmap, mapping, kPage);
}

void publish_another();

void publish(int signal, SignalHandler handler) {
  claim_signal(signal, publish_another);
  TextBuffer<32> name;
  name << kSignalMapping << static_cast<std::uint64_t>(signal);
  published = {signal == 0 ? nullptr : map_named(name.c_str()), signal, handler};
}

// The program is going to use the one that was chosen.
void publish_another() {
  const Published before = published;
  const int other = choose_signal(before.handler, before.signal);
  const SignalsBlocked blocked;
  const Locked locked(publishing);
  if (published.signal != before.signal) return;
  publish(other, before.handler);
  unmap_name(before.mapping);
  restore_signal(before.signal);
}

}  // namespace

void publish_request_signal(SignalHandler handler) {
  const int signal = published.signal == 0 ? choose_signal(handler) : 0;
  const SignalsBlocked blocked;
  const Locked locked(publishing);
  if (signal != 0 && published.signal == 0) publish(signal, handler);
}

void withdraw_request_signal() {
  unmap_name(published.mapping);
  published = {};
  publishing.reset();
}

bool is_request(const siginfo_t& information) {
  return information.si_code == SI_QUEUE;
}

Requester requester_of(const siginfo_t& information) {
  return {.process = information.si_pid, .number = information.si_value.sival_int};
}

// To a socket of the abstract name "mtrace-snapshot-PROCESS-NUMBER", as "ERROR PATH".
void answer(const Requester& requester, int error, std::string_view path) {
  if (requester.process <= 0) return;
  TextBuffer<64> name;
  name << "mtrace-snapshot-" << static_cast<std::uint64_t>(requester.process) << '-'
       << static_cast<std::uint64_t>(static_cast<std::uint32_t>(requester.number));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.c_str(), name.text().size());
  const std::size_t size = offsetof(sockaddr_un, sun_path) + 1 + name.text().size();
  static constinit TextBuffer<PATH_MAX + 16> message;
  message.clear();
  message << static_cast<std::uint64_t>(error) << ' ' << path;
  const long channel = system_call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (is_error(channel)) return;
  system_call(SYS_sendto, channel, message.c_str(), message.text().size(),
              MSG_DONTWAIT | MSG_NOSIGNAL, &address, size);
  system_call(SYS_close, channel);
}

}  // namespace memtrace::runtime
