// mlockall() and munlockall(): what the program locks is its own memory, not the tracer's tables,
// which would count against its limit and be backed by memory as a whole.
#include <sys/mman.h>

#include "runtime/os/memory.hpp"
#include "runtime/os/own_mappings.hpp"
#include "runtime/os/real_functions.hpp"

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

#define MTRACE_HOOK extern "C" __attribute__((visibility("default")))

namespace {

bool locks_future = false;

}  // namespace

MTRACE_HOOK int mlockall(int flags) noexcept {
  // First, so that nothing that is mapped meanwhile is locked.
  set_locks_future_memory(true);
  const int error = real.mlockall(flags);
  if (error == 0) {
    locks_future = (flags & MCL_FUTURE) != 0;
    unlock_own_mappings();
  }
  set_locks_future_memory(locks_future);
  return error;
}

MTRACE_HOOK int munlockall() noexcept {
  const int error = real.munlockall();
  if (error == 0) set_locks_future_memory(locks_future = false);
  return error;
}
