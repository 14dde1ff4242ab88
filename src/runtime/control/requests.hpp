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

// Chooses a signal that the program does not use, and publishes it. Once until withdrawn.
void publish_request_signal(SignalHandler handler);
// In the child of a fork that does not trace.
void withdraw_request_signal();

// Who sent the signal.
Requester requester_of(const siginfo_t& information);

// Says where the snapshot is, or which error there was. Where nobody listens, nothing happens.
void answer(const Requester& requester, int error, std::string_view path);

}  // namespace memtrace::runtime
