// system(), in front of libc's: libc would give the shell the environment that the program sees.
// All else is as there: calls that overlap ignore SIGINT and SIGQUIT together, and a thread that is
// cancelled in the middle of it takes its shell with it.
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "runtime/control/thread_view.hpp"
#include "runtime/hooks/executed_program.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// As long as there is a call of system().
class TerminalSignalsIgnored {
 public:
  void begin() {
    const ProcessLocked locked(lock_);
    // In the child of a fork, the calls of other threads have no end.
    if (process_ != process_id()) users_ = 0;
    process_ = process_id();
    if (users_++ > 0) return;
    SignalAction ignore{};
    ignore.sa_handler = SIG_IGN;
    real.sigaction(SIGINT, &ignore, &interrupt_);
    real.sigaction(SIGQUIT, &ignore, &quit_);
  }
  void end() {
    const ProcessLocked locked(lock_);
    if (--users_ > 0) return;
    real.sigaction(SIGINT, &interrupt_, nullptr);
    real.sigaction(SIGQUIT, &quit_, nullptr);
  }
  // Those that the shell has the default action of.
  [[nodiscard]] sigset_t handled() const {
    sigset_t signals;
    sigemptyset(&signals);
    if (interrupt_.sa_handler != SIG_IGN) sigaddset(&signals, SIGINT);
    if (quit_.sa_handler != SIG_IGN) sigaddset(&signals, SIGQUIT);
    return signals;
  }

 private:
  ProcessLock lock_;
  int users_ = 0;
  int process_ = 0;
  SignalAction interrupt_{}, quit_{};
};
constinit TerminalSignalsIgnored terminal_signals;

int wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) != process) {
    if (errno != EINTR) return -1;
  }
  return status;
}

void on_cancellation(void* argument) {
  const pid_t process = *static_cast<const pid_t*>(argument);
  kill(process, SIGKILL);
  wait_for(process);
  terminal_signals.end();
}

int spawn_shell(const char* command, const sigset_t& mask, pid_t& process) {
  const std::array<const char*, 4> arguments = {"sh", "-c", command, nullptr};
  const sigset_t defaults = terminal_signals.handled();
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const int error = with_environment(true, environ, [&](Strings environment) {
    return real.posix_spawn(&process, "/bin/sh", nullptr, &attributes,
                            const_cast<char**>(arguments.data()), environment);
  });
  posix_spawnattr_destroy(&attributes);
  return error;
}

// NOLINTNEXTLINE(readability-function-size): most of it is in the macros of a cleanup handler
int run_shell(const char* command) {
  terminal_signals.begin();
  sigset_t child_ends, mask;
  sigemptyset(&child_ends);
  sigaddset(&child_ends, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &child_ends, &mask);
  pid_t process = 0;
  constexpr int kNoShell = 127 << 8;
  // Not kept in a register: where the thread is cancelled, the stack is jumped back.
  volatile int status = kNoShell;
  const int error = spawn_shell(command, mask, process);
  if (error == 0) {
    pthread_cleanup_push(on_cancellation, &process);
    status = wait_for(process);
    pthread_cleanup_pop(0);
  }
  terminal_signals.end();
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  if (error != 0) errno = error;
  return status;
}

}  // namespace
}  // namespace memtrace::runtime

extern "C" [[gnu::visibility("default")]] int system(const char* command) {
  using namespace memtrace::runtime;  // NOLINT: the program's function
  if (!follows_execution(true)) return real.system(command);
  // Is there a shell?
  return command == nullptr ? static_cast<int>(run_shell("exit 0") == 0) : run_shell(command);
}

namespace memtrace::runtime {

// popen() and what closes such a stream, in front of libc's: libc would give the shell the
// environment that the program sees.
//
// The stream is an ordinary one of libc's. Which process belongs to it stands here, where libc has
// it in the stream; so pclose() and fclose(), which libc makes the same, look here first.

namespace {

struct Stream {
  FILE* file = nullptr;  // nullptr: free
  pid_t process = 0;
};

// As many as there are open at the same time. Each change is one store: what the child of a fork
// finds is whole.
class Streams {
 public:
  // nullptr where there is no memory.
  Stream* find_or_add(const FILE* file) {
    for (Part* part = &first_;; part = part->next) {
      for (Stream& stream : part->streams) {
        if (stream.file == file) return &stream;
      }
      if (file != nullptr && part->next == nullptr) return nullptr;
      if (part->next == nullptr) part->next = static_cast<Part*>(map_memory(sizeof(Part)));
      if (part->next == nullptr) return nullptr;
    }
  }
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Part* part = &first_; part != nullptr; part = part->next) {
      for (const Stream& stream : part->streams) {
        if (stream.file != nullptr) visit(stream);
      }
    }
  }

 private:
  struct Part {
    std::array<Stream, 64> streams;
    Part* next = nullptr;
  };
  Part first_;
};

// Held while a process is made: another one's stream must be closed there, or not be open yet.
constinit ProcessLock streams_lock;
constinit Streams streams;
// Whether to look for one at all.
constinit std::atomic<bool> has_streams{false};

struct StreamMode {
  bool reads = false, writes = false, closes_on_exec = false;
  bool is_valid = true;
};

StreamMode parse_mode(const char* mode) {
  StreamMode parsed;
  for (; *mode != '\0'; ++mode) {
    switch (*mode) {
      case 'r':
        parsed.reads = true;
        break;
      case 'w':
        parsed.writes = true;
        break;
      case 'e':
        parsed.closes_on_exec = true;
        break;
      default:
        parsed.is_valid = false;
    }
  }
  if (parsed.reads == parsed.writes) parsed.is_valid = false;
  return parsed;
}

void close_descriptor(int file) {
  system_call(SYS_close, file);
}

// A pipe whose other end is the program's stream.
class Pipe {
 public:
  explicit Pipe(const StreamMode& mode) : mode_(mode) {}
  bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    own_ = mode_.reads ? ends[0] : ends[1];
    other_ = mode_.reads ? ends[1] : ends[0];
    // Duplicated onto itself in the process, it would close there.
    if (other_ == target()) {
      const int moved = fcntl(other_, F_DUPFD_CLOEXEC, 0);
      const int error = errno;
      close_descriptor(other_);
      other_ = moved;
      if (moved < 0) {
        close_descriptor(own_);
        errno = error;
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] int own() const { return own_; }
  [[nodiscard]] int other() const { return other_; }
  // What the other end is in the process.
  [[nodiscard]] int target() const { return mode_.reads ? STDOUT_FILENO : STDIN_FILENO; }

 private:
  const StreamMode& mode_;
  int own_ = -1, other_ = -1;
};

// With the lock held. 0 or an error.
int spawn_shell(const char* command, const Pipe& pipe, pid_t& process) {
  const std::array<const char*, 4> arguments = {"sh", "-c", command, nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  int error = posix_spawn_file_actions_adddup2(&actions, pipe.other(), pipe.target());
  streams.for_each([&](const Stream& stream) {
    const int file = fileno_unlocked(stream.file);
    if (error != 0 || file < 0 || file == pipe.target()) return;
    error = posix_spawn_file_actions_addclose(&actions, file);
  });
  if (error == 0) {
    error = with_environment(true, environ, [&](Strings environment) {
      return real.posix_spawn(&process, "/bin/sh", &actions, nullptr,
                              const_cast<char**>(arguments.data()), environment);
    });
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

int start_shell(const char* command, const Pipe& pipe, FILE* file) {
  const ProcessLocked locked(streams_lock);
  Stream* const stream = streams.find_or_add(nullptr);
  if (stream == nullptr) return ENOMEM;
  const int error = spawn_shell(command, pipe, stream->process);
  if (error != 0) return error;
  stream->file = file;
  has_streams.store(true, std::memory_order_relaxed);
  return 0;
}

FILE* open_process(const char* command, const char* mode_text) {
  const StreamMode mode = parse_mode(mode_text);
  if (!mode.is_valid) {
    errno = EINVAL;
    return nullptr;
  }
  Pipe pipe(mode);
  if (!pipe.open()) return nullptr;
  FILE* const file = fdopen(pipe.own(), mode.reads ? "r" : "w");
  const int error = file == nullptr ? errno : start_shell(command, pipe, file);
  close_descriptor(pipe.other());
  if (error == 0) {
    if (!mode.closes_on_exec) fcntl(pipe.own(), F_SETFD, 0);
    return file;
  }
  if (file == nullptr) close_descriptor(pipe.own());
  if (file != nullptr) real.fclose(file);
  errno = error;
  return nullptr;
}

// 0: none of ours.
pid_t take_process(const FILE* file) {
  if (file == nullptr || !has_streams.load(std::memory_order_relaxed)) return 0;
  const ProcessLocked locked(streams_lock);
  Stream* const stream = streams.find_or_add(file);
  if (stream == nullptr) return 0;
  stream->file = nullptr;
  return stream->process;
}

// As libc, not a point of cancellation.
int wait_for_command(pid_t process) {
  int before = 0, status = 0;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  pid_t waited = 0;
  do {
    waited = waitpid(process, &status, 0);
  } while (waited < 0 && errno == EINTR);
  pthread_setcancelstate(before, nullptr);
  return waited < 0 ? -1 : status;
}

int close_stream(FILE* file, int (*close)(FILE*)) {
  const pid_t process = take_process(file);
  const int look = look_through(file);
  const int closed = close(file);
  if (look >= 0) end_look(look);
  if (process == 0) return closed;
  const int status = wait_for_command(process);
  return status != 0 ? status : closed;
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

MTRACE_EXPORT FILE* popen(const char* command, const char* mode) {
  return follows_execution(true) ? open_process(command, mode) : real.popen(command, mode);
}

MTRACE_EXPORT int pclose(FILE* file) {
  return close_stream(file, real.pclose);
}

MTRACE_EXPORT int fclose(FILE* file) {
  return close_stream(file, real.fclose);
}
