#include "runtime/control/own_thread.hpp"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"

// A sanitizer must know every thread.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MTRACE_NO_OWN_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MTRACE_NO_OWN_THREAD 1
#endif
#endif

namespace memtrace::runtime {
namespace {

constexpr std::size_t kStackSize = std::size_t{256} << 10;
// Below and above the thread pointer. What libc keeps per thread lies below it: whatever of that is
// touched by mistake reads zero and harms nobody.
constexpr std::size_t kThreadLocalSize = std::size_t{64} << 10;
constexpr std::size_t kControlBlockSize = 4096;
[[maybe_unused]] constexpr std::size_t kMappedSize =
    kStackSize + kThreadLocalSize + kControlBlockSize;

// The kernel clears it, and wakes who waits, when the thread is gone.
std::atomic<std::int32_t> running{0};

struct Task {
  void (*function)(void*) = nullptr;
  void* argument = nullptr;
};
Task task;

// Kept for the next task.
std::byte* memory = nullptr;

// The beginning of libc's thread control block: compilers read the stack protector's value there.
struct ControlBlock {
  void* self;
  void* vector;
  void* self_again;
  std::uint64_t flags;
  std::uint64_t system_information;
  std::uint64_t stack_guard;
  std::uint64_t pointer_guard;
};

std::uint64_t word_at_thread_pointer(std::size_t offset) {
  std::uint64_t word = 0;
  asm("movq %%fs:(%1), %0" : "=r"(word) : "r"(offset));
  return word;
}

[[maybe_unused]] ControlBlock* make_control_block() {
  auto* const block = reinterpret_cast<ControlBlock*>(memory + kStackSize + kThreadLocalSize);
  block->self = block->self_again = block;
  block->stack_guard = word_at_thread_pointer(offsetof(ControlBlock, stack_guard));
  block->pointer_guard = word_at_thread_pointer(offsetof(ControlBlock, pointer_guard));
  return block;
}

extern "C" [[noreturn, gnu::used]] void memtrace_own_thread_begins() {
  // The descriptors are copies. Without them the program's pipes close when the program closes
  // them, and nothing that it closes or opens meanwhile can be mixed up with the task's.
  system_call(SYS_close_range, 0, ~0U, 0);
  task.function(task.argument);
  while (true) system_call(SYS_exit, 0);
}

// 0 or an error.
[[maybe_unused]] long start_thread(ControlBlock* block) {
  constexpr unsigned long kFlags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS |
                                   CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  long result = SYS_clone;
  register void* child_id asm("r10") = &running;
  register void* thread_pointer asm("r8") = block;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "call memtrace_own_thread_begins\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(kFlags), "S"(memory + kStackSize), "d"(&running), "r"(child_id), "r"(thread_pointer)
      : "rcx", "r11", "memory");
  return is_error(result) ? result : 0;
}

}  // namespace

void run_on_own_thread(void (*function)(void*), void* argument) {
  wait_for_own_thread();
#ifndef MTRACE_NO_OWN_THREAD
  if (memory == nullptr) memory = static_cast<std::byte*>(map_memory(kMappedSize));
  if (memory != nullptr) {
    task = {function, argument};
    if (start_thread(make_control_block()) == 0) return;
  }
#endif
  function(argument);
}

bool is_own_thread_running() {
  return running.load(std::memory_order_acquire) != 0;
}

void wait_for_own_thread() {
  while (true) {
    const std::int32_t id = running.load(std::memory_order_acquire);
    if (id == 0) return;
    // Not a private one: the kernel wakes it as a shared one.
    system_call(SYS_futex, &running, FUTEX_WAIT, id, nullptr);
  }
}

void forget_own_thread() {
  running.store(0, std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
