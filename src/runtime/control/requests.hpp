// How `mtrace snapshot PID` reaches a process: by a real-time signal, whose number the name of a
// mapping tells everybody who may look at the process (/proc/PID/maps). No thread waits for it and
// no descriptor stays open.
#pragma once

#include <string_view>

#include "runtime/control/control.hpp"
#include "runtime/control/signal_actions.hpp"

namespace memtrace::runtime {

// The mapping is of an unnamed file called this and the signal's number.
inline constexpr std::string_view kSignalMapping = "mtrace-signal-";

// Chooses a signal that the program does not use (its action is the default one and the calling
// thread does not block it) and publishes it; another one when the program begins to use it. Where
// none is left, nothing is published. Once until withdrawn.
void publish_request_signal(SignalHandler handler);
// In the child of a fork that does not trace.
void withdraw_request_signal();

// Whether `mtrace snapshot` may have sent the signal: it comes with a value.
bool is_request(const siginfo_t& information);
// Who sent it.
Requester requester_of(const siginfo_t& information);

// Says where the snapshot is, or which error there was. Where nobody listens, nothing happens.
void answer(const Requester& requester, int error, std::string_view path);

}  // namespace memtrace::runtime
