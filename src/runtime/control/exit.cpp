#include "runtime/control/exit.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>

#include "runtime/control/control.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"
#include "runtime/tracer/tracer_state.hpp"

namespace memtrace::runtime {
namespace {

// Those whose default action ends the process, but for SIGKILL, debuggers' SIGTRAP and the
// real-time ones.
constexpr std::array kFatalSignals = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,    SIGABRT, SIGBUS,
                                      SIGFPE,  SIGUSR1,   SIGSEGV, SIGUSR2,   SIGPIPE, SIGALRM,
                                      SIGTERM, SIGXCPU,   SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,
                                      SIGPWR,  SIGSTKFLT, SIGSYS};

// A signal that came inside of a hook waits for its end; another one does not.
struct PendingDeath {
  std::atomic<int> signal{0};
  siginfo_t information{};
};
PendingDeath pending_death;

// It will come again, or abort() ends the process, if the handler returns.
bool cannot_wait(int signal, const siginfo_t& information) {
  switch (signal) {
    case SIGABRT:
      return true;
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSYS:
      return information.si_code > 0;
    default:
      return false;
  }
}

// Inside of a hook, where counters may be half changed and locks be held: an allocator that found
// its heap damaged aborts in a place where neither is the case.
bool can_take_inside_hook() {
  if (local.state == nullptr || local.state->announcement.is_inside()) return false;
  if (!tracer.lock.try_lock()) return false;
  tracer.lock.unlock();
  return true;
}

[[gnu::destructor(101)]] void at_end() {
  if (!local.guard) take_last_snapshot();
}

[[noreturn]] void exit_now(int status) {
  if (!local.guard || (is_traced_process() && can_take_inside_hook())) take_last_snapshot();
  while (true) system_call(SYS_exit_group, status);
}

}  // namespace

void end_by_signal(int signal, siginfo_t* information, void*) {
  if (is_traced_process()) {
    if (!local.guard || (cannot_wait(signal, *information) && can_take_inside_hook())) {
      take_last_snapshot();
    } else if (!cannot_wait(signal, *information) && pending_death.signal == 0) {
      pending_death.information = *information;
      pending_death.signal = signal;
      attention = true;
      return;
    }
  }
  meet_default_action(signal, information);
}

void watch_exits() {
  for (const int signal : kFatalSignals) handle_by_default(signal, end_by_signal);
  // The first to be registered is the last to be called.
  at_quick_exit(at_end);
}

void meet_pending_death() {
  const int signal = pending_death.signal.exchange(0);
  if (signal == 0) return;
  take_last_snapshot();
  const SignalsBlocked blocked;
  meet_default_action(signal, &pending_death.information);
  // This thread may have it blocked; the one that it came to has not.
  system_call(SYS_kill, process_id(), signal);
}

}  // namespace memtrace::runtime

// --- in front of libc's ---

extern "C" {

[[gnu::visibility("default")]] void _exit(int status) {
  memtrace::runtime::exit_now(status);
}

[[gnu::visibility("default")]] void _Exit(int status) noexcept {
  memtrace::runtime::exit_now(status);
}
}
