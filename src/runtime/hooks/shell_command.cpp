// system(), in front of libc's: libc would give the shell the environment that the program sees.
// All else is as there: calls that overlap ignore SIGINT and SIGQUIT together, and a thread that is
// cancelled in the middle of it takes its shell with it.
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "runtime/hooks/executed_program.hpp"
#include "runtime/os/lock.hpp"

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
