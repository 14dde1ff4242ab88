#include "runtime/control/start.hpp"

#include <unistd.h>

#include <atomic>

#include "runtime/control/process_fork.hpp"
#include "runtime/tracer/hook_mode.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

void start_runtime() {
  static constinit std::atomic<bool> has_begun{false};
  // libc's initialisation sets it.
  if (environ == nullptr || has_begun.exchange(true, std::memory_order_acq_rel)) return;
  HookMode first = HookMode::first;
  hook_mode.compare_exchange_strong(first, HookMode::off);
  watch_forks();
  start_from_environment();
}

}  // namespace memtrace::runtime
