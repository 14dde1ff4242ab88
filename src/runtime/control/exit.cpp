#include "runtime/control/exit.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "runtime/control/control.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/control/traced_process.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

// Those whose default action ends the process, but for SIGKILL and debuggers' SIGTRAP. The kernel's
// own real-time signals below SIGRTMIN are libc's.
constexpr int kFatalSignals[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGABRT, SIGBUS,    SIGFPE,
                                 SIGUSR1, SIGSEGV,   SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,   SIGXCPU,
                                 SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT, SIGSYS};
constexpr int kFirstRealTimeSignal = 34;

[[gnu::destructor(101)]] void at_end() {
  take_last_snapshot();
}

[[noreturn]] void exit_now(int status) {
  take_last_snapshot();
  while (true) system_call(SYS_exit_group, status);
}

// What it has interrupted may be the tracer's own work, in this thread: another thread takes the
// snapshot, and gives up what this one holds.
void end_by_signal(int signal, siginfo_t* information, void*) {
  take_last_snapshot();
  meet_default_action(signal, information);
}

}  // namespace

void watch_exits() {
  for (const int signal : kFatalSignals) handle_by_default(signal, end_by_signal);
  for (int signal = kFirstRealTimeSignal; signal < NSIG; ++signal) {
    handle_by_default(signal, end_by_signal);
  }
  // abort() may be on its way; or the program has raised the signal, and goes on.
  call_after_abort_handler(take_snapshot_before_end);
  // The first to be registered is the last to be called.
  at_quick_exit(at_end);
}

}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;

extern "C" {

[[gnu::visibility("default")]] void _exit(int status) {
  runtime::exit_now(status);
}

[[gnu::visibility("default")]] void _Exit(int status) noexcept {
  runtime::exit_now(status);
}
}
