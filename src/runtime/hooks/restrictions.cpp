// What the program does to itself that a thread of the tracer's own must not be in the way of, or
// could not survive: system calls that only a process with a single thread may make, and filters of
// system calls.
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdarg>

#include "runtime/control/control.hpp"
#include "runtime/control/process.hpp"
#include "runtime/control/service.hpp"
#include "runtime/control/signal_actions.hpp"
#include "runtime/control/thread_view.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

// While the program does what only a single thread may.
class WithoutService {
 public:
  explicit WithoutService(bool needed)
      : ended_(needed && is_service_running() && is_traced_process()) {
    if (ended_) end_service();
  }
  ~WithoutService() {
    if (ended_) continue_service();
  }
  WithoutService(const WithoutService&) = delete;
  WithoutService& operator=(const WithoutService&) = delete;

 private:
  bool ended_;
};

// From now on the kernel may end the process for any system call that it did not expect. The
// service's own thread is not concerned, unless the filter is for all threads: then it ends before.
void before_filter(bool for_all_threads) {
  if (!is_traced_process() || !is_tracing()) return;
  end_all_looks();
  fence_gate();
  if (for_all_threads) {
    take_last_snapshot();
    end_service();
    abandon_tracing();
    set_traced_process(false);
  } else {
    expect_few_system_calls();
  }
}

// The process may only read, write and end.
void before_strict_mode() {
  if (!is_traced_process()) return;
  take_last_snapshot();
  end_service();
  abandon_tracing();
  restore_signals();
  set_traced_process(false);
}

}  // namespace

// By the function below, which stands in front of libc's.
extern "C" {
[[gnu::used]] static long memtrace_first_syscall(long number, long a, long b, long c, long d,
                                                 long e, long f);
using SyscallFunction = long (*)(long, long, long, long, long, long, long);
[[gnu::used]] constinit SyscallFunction memtrace_real_syscall = memtrace_first_syscall;

// Of a library whose constructor runs before ours, too.
// NOLINTNEXTLINE(readability-function-size): the parameters are syscall()'s
long memtrace_first_syscall(long number, long a, long b, long c, long d, long e, long f) {
  find_real_functions();
  memtrace_real_syscall = real.syscall;
  return real.syscall(number, a, b, c, d, e, f);
}

// Of system calls that go around the functions that are hooked.
[[gnu::used]] void memtrace_before_syscall(long number, long first, long second) {
  if (number == SYS_exit_group) take_last_snapshot();
  if (number != SYS_seccomp) return;
  if (first == SECCOMP_SET_MODE_STRICT) before_strict_mode();
  if (first == SECCOMP_SET_MODE_FILTER) {
    before_filter((static_cast<unsigned long>(second) & SECCOMP_FILTER_FLAG_TSYNC) != 0);
  }
}
}

}  // namespace memtrace::runtime

// --- in front of libc's ---

namespace runtime = memtrace::runtime;

MTRACE_EXPORT int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  long arguments[4];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (option == PR_SET_SECCOMP) {
    if (arguments[0] == SECCOMP_MODE_STRICT) {
      runtime::before_strict_mode();
    } else {
      runtime::before_filter(false);
    }
  }
  return runtime::real.prctl(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

MTRACE_EXPORT int unshare(int flags) noexcept {
  constexpr int kSingleThread = CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  const runtime::WithoutService without((flags & kSingleThread) != 0);
  return runtime::real.unshare(flags);
}

MTRACE_EXPORT int setns(int file, int kind) noexcept {
  const runtime::WithoutService without(kind == 0 || (kind & CLONE_NEWUSER) != 0);
  return runtime::real.setns(file, kind);
}

// Most calls pass at once: the arguments stay where they are.
extern "C" [[gnu::visibility("default"), gnu::naked]] long syscall(long /*number*/, ...) noexcept {
  asm("endbr64\n\t"
      "cmp $317, %rdi\n\t"  // SYS_seccomp
      "je 1f\n\t"
      "cmp $231, %rdi\n\t"  // SYS_exit_group
      "je 1f\n"
      "0:\n\t"
      "jmp *memtrace_real_syscall(%rip)\n"
      "1:\n\t"
      "push %rdi\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "push %rsi\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "push %rdx\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "push %rcx\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "push %r8\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "push %r9\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "sub $8, %rsp\n\t"
      ".cfi_adjust_cfa_offset 8\n\t"
      "call memtrace_before_syscall\n\t"
      "add $8, %rsp\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %r9\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %r8\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %rcx\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %rdx\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %rsi\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "pop %rdi\n\t"
      ".cfi_adjust_cfa_offset -8\n\t"
      "jmp 0b");
}
