// What happens when the library is initialised, if no hook was called before.
#include <cstdint>

#include "runtime/control/process.hpp"
#include "runtime/os/allocator.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/events.hpp"

// The linker's: where this library begins, and where its code ends.
extern "C" {
[[gnu::visibility("hidden")]] extern const char __ehdr_start[];  // NOLINT
[[gnu::visibility("hidden")]] extern const char etext[];         // NOLINT
}

namespace memtrace::runtime {
namespace {

[[gnu::constructor(101)]] void initialise() {
  tables.tracebacks.leave_out(reinterpret_cast<std::uintptr_t>(__ehdr_start),
                              reinterpret_cast<std::uintptr_t>(etext));
  find_real_functions();
  find_allocator();
  start_runtime();
}

}  // namespace
}  // namespace memtrace::runtime

// dlopen, dlmopen and dlclose: where code comes and goes.

// glibc finds out who called dlopen() by the return address, and looks along that library's
// RUNPATH. So the hook must not be the caller: it notes the event and jumps. What it pushes is said
// to unwinders.
extern "C" {

[[gnu::used]] static void* mtrace_find_dlopen() {
  memtrace::runtime::find_real_functions();
  memtrace::runtime::code_may_be_loaded();
  return reinterpret_cast<void*>(memtrace::runtime::real.dlopen);
}

[[gnu::used]] static void* mtrace_find_dlmopen() {
  memtrace::runtime::find_real_functions();
  memtrace::runtime::code_may_be_loaded();
  return reinterpret_cast<void*>(memtrace::runtime::real.dlmopen);
}

// All three registers that either function is called with, which also keeps the stack aligned.
#define MTRACE_JUMP_TO_WHAT_IS_FOUND_BY(find) \
  asm("endbr64\n\t"                           \
      "push %rdi\n\t"                         \
      ".cfi_adjust_cfa_offset 8\n\t"          \
      "push %rsi\n\t"                         \
      ".cfi_adjust_cfa_offset 8\n\t"          \
      "push %rdx\n\t"                         \
      ".cfi_adjust_cfa_offset 8\n\t"          \
      "call " find                            \
      "\n\t"                                  \
      "pop %rdx\n\t"                          \
      ".cfi_adjust_cfa_offset -8\n\t"         \
      "pop %rsi\n\t"                          \
      ".cfi_adjust_cfa_offset -8\n\t"         \
      "pop %rdi\n\t"                          \
      ".cfi_adjust_cfa_offset -8\n\t"         \
      "jmp *%rax")

__attribute__((visibility("default"), naked)) void* dlopen(const char* /*file*/, int /*mode*/) {
  MTRACE_JUMP_TO_WHAT_IS_FOUND_BY("mtrace_find_dlopen");
}

__attribute__((visibility("default"), naked)) void* dlmopen(Lmid_t /*space*/, const char* /*file*/,
                                                            int /*mode*/) {
  MTRACE_JUMP_TO_WHAT_IS_FOUND_BY("mtrace_find_dlmopen");
}

__attribute__((visibility("default"))) int dlclose(void* handle) noexcept {
  memtrace::runtime::code_may_be_unloaded();
  const int error = memtrace::runtime::real.dlclose(handle);
  memtrace::runtime::code_may_be_unloaded();
  return error;
}
}
