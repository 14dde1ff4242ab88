#include "traced_leaks.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

constexpr std::size_t kPage = 4096;

// Keeps the block, and the call from becoming a jump.
void keep(void* block) {
  asm volatile("" : : "r"(block) : "memory");
}

}  // namespace

// Each leaks what its comment says.
extern "C" {

// 1 block of 11 bytes.
[[gnu::noinline, gnu::constructor]] void leak_before_main() {
  keep(std::malloc(11));
}

// 1 block of 12 bytes.
[[gnu::noinline, gnu::destructor]] void leak_after_main() {
  keep(std::malloc(12));
}

// 1 block of 13 bytes.
[[gnu::noinline]] void leak_at_exit() {
  keep(std::malloc(13));
}

// 1 block of 14 bytes, when the thread has ended.
[[gnu::noinline]] void leak_with_thread() {
  keep(std::malloc(14));
}

// 1 block of 15 bytes, on the stack that signal handlers have.
[[gnu::noinline]] void leak_on_alternate_stack(int /*signal*/) {
  keep(std::malloc(15));
}

// 1 block of 16 bytes: the child uses the parent's memory.
[[gnu::noinline]] void leak_in_vfork_child() {
  keep(std::malloc(16));
}

// 1 block of 17 bytes, after a thousand exceptions.
[[gnu::noinline]] void leak_after_exceptions(int caught) {
  if (caught == 1000) keep(std::malloc(17));
}

// 1 block of 18 bytes, on a stack that only a change of the stack pointer has told of.
[[gnu::noinline]] void leak_on_own_stack() {
  keep(std::malloc(18));
}

// 2 mappings, together 5 pages: of 8 pages, the first is unmapped, and a file takes the place of
// two in the middle.
[[gnu::noinline]] void leak_mappings() {
  auto* const pages = static_cast<char*>(
      mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  munmap(pages, kPage);
  FILE* const file = std::fopen("/proc/self/exe", "r");
  mmap(pages + 3 * kPage, 2 * kPage, PROT_READ, MAP_PRIVATE | MAP_FIXED, fileno(file), 0);
  std::fclose(file);
  keep(pages);
}

// 1 mapping of 6 pages, whichever call made it first.
[[gnu::noinline]] void leak_moved_mapping(void* pages) {
  keep(mremap(pages, 2 * kPage, 6 * kPage, MREMAP_MAYMOVE));
}

// Calls the function on the stack, of which `top` is the end.
void call_on_stack(void (*function)(), void* top);
asm(R"(
  .text
  .globl call_on_stack
call_on_stack:
  .cfi_startproc
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  movq %rsi, %rsp
  call *%rdi
  movq %rbp, %rsp
  popq %rbp
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
)");
}

namespace {

struct LeaksWithThread {
  bool used = false;
  ~LeaksWithThread() { leak_with_thread(); }
};
thread_local LeaksWithThread leaks_with_thread;

void raise_on_alternate_stack() {
  static std::array<char, std::size_t{64} << 10> memory;
  stack_t stack{};
  stack.ss_sp = memory.data();
  stack.ss_size = memory.size();
  sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_handler = leak_on_alternate_stack;
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
  action.sa_handler = SIG_DFL;
  sigaction(SIGUSR1, &action, nullptr);
}

void share_memory_with_child() {
  const pid_t child = vfork();
  if (child == 0) {
    leak_in_vfork_child();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
}

int catch_many() {
  int caught = 0;
  for (int round = 0; round < 1000; ++round) {
    try {
      throw std::runtime_error(std::string(100, 'x'));
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  return caught;
}

void map_pages() {
  leak_mappings();
  leak_moved_mapping(mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

}  // namespace

void memtrace::test::leak_in_odd_places() {
  std::atexit(leak_at_exit);
  std::thread([] { leaks_with_thread.used = true; }).join();
  raise_on_alternate_stack();
  share_memory_with_child();
  leak_after_exceptions(catch_many());
  alignas(16) static std::array<char, std::size_t{64} << 10> stack;
  call_on_stack(leak_on_own_stack, stack.data() + stack.size());
  map_pages();
}
