// dlopen, dlmopen and dlclose: where code comes and goes.
#include <dlfcn.h>

#include <atomic>

#include "runtime/tracer/code_generation.hpp"

// glibc finds out who called dlopen() by the return address, and looks along that library's
// RUNPATH. So the hook must not be the caller: it notes the event and jumps.
extern "C" {
using DlopenFunction = void* (*)(const char*, int);
using DlmopenFunction = void* (*)(Lmid_t, const char*, int);

[[gnu::used]] static void* find_dlopen() {
  memtrace::runtime::code_may_be_loaded();
  return dlsym(RTLD_NEXT, "dlopen");
}

[[gnu::used]] static void* find_dlmopen() {
  memtrace::runtime::code_may_be_loaded();
  return dlsym(RTLD_NEXT, "dlmopen");
}

__attribute__((visibility("default"), naked)) void* dlopen(const char* /*file*/, int /*mode*/) {
  asm("endbr64\n\t"
      "push %rdi\n\t"
      "push %rsi\n\t"
      "sub $8, %rsp\n\t"
      "call find_dlopen\n\t"
      "add $8, %rsp\n\t"
      "pop %rsi\n\t"
      "pop %rdi\n\t"
      "jmp *%rax");
}

__attribute__((visibility("default"), naked)) void* dlmopen(Lmid_t /*space*/, const char* /*file*/,
                                                            int /*mode*/) {
  asm("endbr64\n\t"
      "push %rdi\n\t"
      "push %rsi\n\t"
      "push %rdx\n\t"
      "call find_dlmopen\n\t"
      "pop %rdx\n\t"
      "pop %rsi\n\t"
      "pop %rdi\n\t"
      "jmp *%rax");
}

__attribute__((visibility("default"))) int dlclose(void* handle) noexcept {
  using DlcloseFunction = int (*)(void*);
  static constinit std::atomic<DlcloseFunction> next{nullptr};
  if (next.load(std::memory_order_acquire) == nullptr) {
    next.store(reinterpret_cast<DlcloseFunction>(dlsym(RTLD_NEXT, "dlclose")),
               std::memory_order_release);
  }
  memtrace::runtime::code_may_be_unloaded();
  const int error = next.load(std::memory_order_relaxed)(handle);
  memtrace::runtime::code_may_be_unloaded();
  return error;
}
}
