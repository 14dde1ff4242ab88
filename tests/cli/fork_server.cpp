// Preloaded into a command, makes it a server of itself: it is loaded and set up once, and for each
// request it forks a child that enters main(). What is tested is the built program, at a fraction
// of the cost of loading it, which with sanitizers is nearly all of a short run.
//
// A request is one message on the socket whose number MTRACE_FORK_SERVER gives: words that end in
// NUL (seconds, the number of variables to set, these as NAME=VALUE, the arguments), and three
// descriptors: standard input, output and error. The answer is an `Answer`. The server ends with
// the socket.

#include <dlfcn.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Main = int (*)(int, char**, char**);

constexpr std::size_t kLongestRequest = 1 << 20;

struct Answer {
  std::int64_t wait_status;
  std::int64_t peak_memory;  // KiB
};

struct Request {
  int seconds = 0;
  std::vector<char*> variables, arguments;
  int descriptors[3] = {};
};

Main served_main = nullptr;

// False at the end of the socket.
bool receive(int socket, std::string& text, Request& request) {
  text.resize(kLongestRequest);
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof request.descriptors)];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(socket, &message, 0);
  if (size <= 0) return false;
  std::memcpy(request.descriptors, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof request.descriptors);
  std::vector<char*> words;
  for (char* word = text.data(); word < text.data() + size; word += std::strlen(word) + 1)
    words.push_back(word);
  request.seconds = std::atoi(words.at(0));
  const auto first_argument = words.begin() + 2 + std::atoi(words.at(1));
  request.variables.assign(words.begin() + 2, first_argument);
  request.arguments.assign(first_argument, words.end());
  return true;
}

int run_served(int socket, Request& request) {
  close(socket);
  for (int number = 0; number < 3; ++number) {
    dup2(request.descriptors[number], number);
    close(request.descriptors[number]);
  }
  for (char* variable : request.variables) putenv(variable);
  request.arguments.push_back(nullptr);
  return served_main(static_cast<int>(request.arguments.size()) - 1, request.arguments.data(),
                     environ);
}

Answer wait_for(pid_t child, int seconds) {
  const int watched = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd entry{watched, POLLIN, 0};
  if (poll(&entry, 1, seconds * 1000) == 0) kill(child, SIGKILL);
  close(watched);
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  return {status, usage.ru_maxrss};
}

int serve(int, char**, char**) {
  const int socket = std::atoi(std::getenv("MTRACE_FORK_SERVER"));
  // What the command starts is not to become a server, too.
  unsetenv("MTRACE_FORK_SERVER");
  unsetenv("LD_PRELOAD");
  std::string text;
  for (Request request; receive(socket, text, request); request = {}) {
    const pid_t child = fork();
    if (child == 0) return run_served(socket, request);
    for (const int descriptor : request.descriptors) close(descriptor);
    const Answer answer = wait_for(child, request.seconds);
    if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer) break;
  }
  _exit(0);
}

}  // namespace

// The name and the parameters are glibc's.
// NOLINTNEXTLINE(readability-identifier-naming,readability-function-size)
extern "C" __attribute__((visibility("default"))) int __libc_start_main(Main main, int argc,
                                                                        char** argv, void (*init)(),
                                                                        void (*fini)(),
                                                                        void (*rtld_fini)(),
                                                                        void* stack_end) {
  using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  const auto start = reinterpret_cast<Start>(dlsym(RTLD_NEXT, "__libc_start_main"));
  served_main = main;
  return start(serve, argc, argv, init, fini, rtld_fini, stack_end);
}
