// The signals that the tracer handles where the program leaves them alone. The program does not see
// it: what it asks for the action of such a signal, it is told what it has set itself.
#pragma once

#include <csignal>

#include "runtime/os/real_functions.hpp"

namespace memtrace::runtime {

using SignalHandler = void (*)(int, siginfo_t*, void*);

// From now on `handler` runs where the program has the default action for `signal`: also where it
// sets the default action later, or the kernel does because an action was for one signal only. It
// runs with all signals blocked. false where the program has an action of its own now, or another
// handler is there.
bool handle_by_default(int signal, SignalHandler handler);

// What the program does by sigaction(), and by functions that set a handler, such as `set`.
int change_signal_action(int signal, const SignalAction* action, SignalAction* old);
OldHandler set_signal_handler(SetHandler* set, int signal, OldHandler handler);

// Called, for a SIGABRT that the process has sent to itself, when the program's own handler
// returns.
void call_after_abort_handler(void (*function)());

// The program's own actions again, for all signals: the tracer ends here.
void restore_signals();

// The default action for `signal`, now: in a handler, for the same thread and with the same
// information, as soon as the handler returns. Async-signal-safe.
void meet_default_action(int signal, siginfo_t* information);

// Blocks all signals of the calling thread while it lives.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  unsigned long mask_ = 0;  // the kernel's: 64 signals
};

}  // namespace memtrace::runtime
