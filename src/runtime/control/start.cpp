#include "runtime/control/start.hpp"

#include <unistd.h>

#include <atomic>

#include "runtime/control/control.hpp"
#include "runtime/control/process_fork.hpp"
#include "runtime/control/traced_process.hpp"
#include "runtime/gate/hook_mode.hpp"

namespace memtrace::runtime {
namespace {

constinit std::atomic<bool> has_begun{false};

}  // namespace

void start_runtime() {
  // libc's initialisation sets it.
  if (environ == nullptr || has_begun.exchange(true, std::memory_order_acq_rel)) return;
  set_hook_mode(HookMode::off);
  watch_forks();
  start_from_environment();
}

void look_at_process() {
  if (!has_begun.load(std::memory_order_acquire)) return start_runtime();
  if (traced_process() != 0 && !is_traced_process()) return meet_copied_process();
  // Another thread is starting it, or this is a copy of a process that is not traced.
  HookMode unknown = HookMode::unknown;
  if (traced_process() == 0) hook_mode_page.mode.compare_exchange_strong(unknown, HookMode::off);
}

}  // namespace memtrace::runtime
