// mlockall() and munlockall(): what the program locks is its own memory, not the tracer's tables,
// which would count against its limit and be backed by memory as a whole.
#include <dlfcn.h>
#include <sys/mman.h>

#include <cerrno>

#include "runtime/os/memory.hpp"
#include "runtime/os/own_mappings.hpp"
#include "runtime/os/system_call.hpp"

namespace memtrace::runtime {
namespace {

struct RealLocking {
  int (*mlockall)(int) = nullptr;
  int (*munlockall)() = nullptr;
};
constinit RealLocking real_locking;

[[gnu::constructor(102)]] void find_real_locking() {
  real_locking.mlockall = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, "mlockall"));
  real_locking.munlockall = reinterpret_cast<int (*)()>(dlsym(RTLD_NEXT, "munlockall"));
}

// Before the constructors have run there is nobody else to ask.
int ask_kernel(long result) {
  if (!is_error(result)) return 0;
  errno = static_cast<int>(-result);
  return -1;
}

bool locks_future = false;

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the functions that stand here are the program's

#define MTRACE_HOOK extern "C" __attribute__((visibility("default")))

MTRACE_HOOK int mlockall(int flags) noexcept {
  // First, so that nothing that is mapped meanwhile is locked.
  set_locks_future_memory(true);
  const int error = real_locking.mlockall != nullptr ? real_locking.mlockall(flags)
                                                     : ask_kernel(system_call(SYS_mlockall, flags));
  if (error == 0) {
    locks_future = (flags & MCL_FUTURE) != 0;
    unlock_own_mappings();
  }
  set_locks_future_memory(locks_future);
  return error;
}

MTRACE_HOOK int munlockall() noexcept {
  const int error = real_locking.munlockall != nullptr ? real_locking.munlockall()
                                                       : ask_kernel(system_call(SYS_munlockall));
  if (error == 0) set_locks_future_memory(locks_future = false);
  return error;
}
