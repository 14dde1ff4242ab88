// sigaction() and its kin, in front of libc's: see control/signal_actions.hpp.
#include <csignal>

#include "runtime/control/signal_actions.hpp"
#include "runtime/os/real_functions.hpp"

namespace runtime = memtrace::runtime;

MTRACE_EXPORT int sigaction(int signal, const struct sigaction* action,
                            struct sigaction* old) noexcept {
  return runtime::change_signal_action(signal, action, old);
}

// NOLINTNEXTLINE(readability-identifier-naming): glibc's name
MTRACE_EXPORT int __sigaction(int signal, const struct sigaction* action, struct sigaction* old) {
  return sigaction(signal, action, old);
}

MTRACE_EXPORT runtime::OldHandler signal(int signal, runtime::OldHandler handler) noexcept {
  return runtime::set_signal_handler(runtime::real.signal, signal, handler);
}

MTRACE_EXPORT runtime::OldHandler bsd_signal(int signal_number, runtime::OldHandler handler) {
  return signal(signal_number, handler);
}

MTRACE_EXPORT runtime::OldHandler ssignal(int signal_number, runtime::OldHandler handler) noexcept {
  return signal(signal_number, handler);
}

// An action for one signal only, during which the signal may come again.
MTRACE_EXPORT runtime::OldHandler __sysv_signal(int signal, runtime::OldHandler handler) noexcept {
  struct sigaction action {
  }, old{};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_NODEFER;
  return handler == SIG_ERR || sigaction(signal, &action, &old) != 0 ? SIG_ERR : old.sa_handler;
}

MTRACE_EXPORT runtime::OldHandler sysv_signal(int signal, runtime::OldHandler handler) noexcept {
  return __sysv_signal(signal, handler);
}

MTRACE_EXPORT runtime::OldHandler sigset(int signal, runtime::OldHandler handler) noexcept {
  return runtime::set_signal_handler(runtime::real.sigset, signal, handler);
}
