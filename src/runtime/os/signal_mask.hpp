// The calling thread's signal mask, as the kernel has it: libc's functions leave out two signals of
// their own, and may be replaced.
#pragma once

#include <csignal>

#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {

inline constexpr unsigned long kAllSignals = ~0UL;  // all 64

inline unsigned long set_signal_mask(unsigned long mask) {
  constexpr unsigned long kMaskSize = sizeof(mask);
  unsigned long before = 0;
  system_call(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, kMaskSize);
  return before;
}

// Returns what was blocked before.
inline unsigned long block_all_signals() {
  return set_signal_mask(kAllSignals);
}

}  // namespace memtrace::runtime
