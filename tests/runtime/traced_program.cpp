// Leaks known amounts in ways that tracers find hard. Each function below leaks what its comment
// says; traced_programs.py looks for it in the snapshot.
//
//   traced_program PLUGIN-A PLUGIN-B
#include <dlfcn.h>
#include <ucontext.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "traced_leaks.hpp"

namespace {

constexpr std::size_t kThreads = 200;
constexpr std::size_t kCoroutineStack = std::size_t{64} << 10;

ucontext_t main_context;
ucontext_t coroutine_context;

// Keeps the block, and the call from becoming a jump.
void keep(void* block) {
  asm volatile("" : : "r"(block) : "memory");
}

}  // namespace

extern "C" {

// 3 blocks of 1111 bytes, each in a coroutine's next turn.
[[gnu::noinline]] void leak_in_coroutine() {
  for (int turn = 0; turn < 3; ++turn) {
    keep(std::malloc(1111));
    swapcontext(&coroutine_context, &main_context);
  }
}

// 200 blocks of 222 bytes, one a thread, all threads at once.
[[gnu::noinline]] void leak_in_thread() {
  keep(std::malloc(222));
}

// 1 block of 7000 bytes: grown twice, moved to where its last traceback is.
[[gnu::noinline]] void leak_by_realloc() {
  void* block = std::malloc(10);
  block = std::realloc(block, 100'000);
  keep(std::realloc(block, 7000));
}

// 1 block of 555 bytes, in a 4096-byte alignment.
[[gnu::noinline]] void leak_aligned() {
  void* block = nullptr;
  if (posix_memalign(&block, 4096, 555) == 0) keep(block);
}
}

namespace {

void run_coroutine() {
  // Leaked on purpose, too: a stack that is freed could be reused.
  static std::array<char, kCoroutineStack> stack;
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack.data();
  coroutine_context.uc_stack.ss_size = stack.size();
  coroutine_context.uc_link = &main_context;
  makecontext(&coroutine_context, leak_in_coroutine, 0);
  for (int turn = 0; turn < 3; ++turn) swapcontext(&main_context, &coroutine_context);
}

void run_threads() {
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) threads.emplace_back(leak_in_thread);
  for (std::thread& thread : threads) thread.join();
}

// The two plugins have the same layout, so that the second one is loaded where the first one was.
bool run_plugin(const char* path) {
  void* const library = dlopen(path, RTLD_NOW);
  if (library == nullptr) return false;
  auto* const leak = reinterpret_cast<void (*)()>(dlsym(library, "plugin_leak"));
  if (leak == nullptr) return false;
  leak();
  return dlclose(library) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  run_coroutine();
  run_threads();
  leak_by_realloc();
  leak_aligned();
  memtrace::test::leak_in_odd_places();
  for (int i = 1; i < argc; ++i) {
    if (!run_plugin(argv[i])) return 1;
  }
  std::puts("done");
  return 0;
}
