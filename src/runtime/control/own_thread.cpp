#include "runtime/control/own_thread.hpp"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "runtime/os/memory.hpp"
#include "runtime/os/process_identity.hpp"
#include "runtime/os/sanitizers.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/thread_state.hpp"

#if defined(MTRACE_THREAD_SANITIZER) || defined(MTRACE_ADDRESS_SANITIZER)
#define MTRACE_NO_OWN_THREAD 1
#endif

namespace memtrace::runtime {
namespace {

constexpr std::size_t kStackSize = std::size_t{256} << 10;
constexpr std::size_t kControlBlockSize = 4096;

// The beginning of libc's thread control block, where compilers read the stack protector's value;
// and, behind all that libc keeps there, what the thread is to do.
struct ControlBlock {
  void* self;
  void* vector;
  void* self_again;
  std::uint64_t flags;
  std::uint64_t system_information;
  std::uint64_t stack_guard;
  std::uint64_t pointer_guard;
};
struct Work {
  OwnThread::Task task;
  void* argument;
};
constexpr std::size_t kWorkOffset = kControlBlockSize - sizeof(Work);

std::uint64_t word_at_thread_pointer(std::size_t offset) {
  std::uint64_t word = 0;
  asm("movq %%fs:(%1), %0" : "=r"(word) : "r"(offset));
  return word;
}

// Below the thread pointer lies what each thread has of the program's variables and libraries',
// where those that were there at the start come first: the tracer's and libc's are behind the
// program's, which may be large. Whatever is touched there by mistake reads zero and harms nobody.
std::size_t find_thread_local_size() {
  constexpr std::size_t kMore = std::size_t{64} << 10, kPage = 4096;
  const std::uintptr_t pointer = word_at_thread_pointer(0);
  const std::size_t to_ours = pointer - reinterpret_cast<std::uintptr_t>(&local);
  const std::size_t to_libc = pointer - reinterpret_cast<std::uintptr_t>(&errno);
  return (std::max(to_ours, to_libc) + kMore + kPage - 1) & ~(kPage - 1);
}

// Valgrind ends the process for a thread such as this one. It leaves its answer to who asks by
// these instructions, which otherwise do nothing.
[[maybe_unused]] bool runs_on_valgrind() {
  constexpr unsigned long kRunningOnValgrind = 0x1001;
  const unsigned long question[6] = {kRunningOnValgrind};
  unsigned long answer = 0;
  asm volatile(
      "rolq $3, %%rdi\n\t"
      "rolq $13, %%rdi\n\t"
      "rolq $61, %%rdi\n\t"
      "rolq $51, %%rdi\n\t"
      "xchgq %%rbx, %%rbx"
      : "+d"(answer)
      : "a"(question)
      : "cc", "memory");
  return answer != 0;
}

Work& work_of(std::byte* control_block) {
  return *reinterpret_cast<Work*>(control_block + kWorkOffset);
}

extern "C" [[noreturn, gnu::used]] void memtrace_own_thread_begins() {
  // The descriptors are copies. Without them the program's pipes close when the program closes
  // them, and nothing that it closes or opens meanwhile can be mixed up with the thread's.
  system_call(SYS_close_range, 0, ~0U, 0);
  const Work& work = work_of(reinterpret_cast<std::byte*>(word_at_thread_pointer(0)));
  work.task(work.argument);
  while (true) system_call(SYS_exit, 0);
}

}  // namespace

bool OwnThread::prepare() {
  if (memory_ != nullptr) return true;
  thread_local_size_ = find_thread_local_size();
  memory_ = static_cast<std::byte*>(map_memory(mapped_size()));
  return memory_ != nullptr;
}

std::size_t OwnThread::mapped_size() const {
  return kStackSize + thread_local_size_ + kControlBlockSize;
}

bool OwnThread::start(Task task, void* argument) {
#ifdef MTRACE_NO_OWN_THREAD
  static_cast<void>(task);
  static_cast<void>(argument);
  return false;
#else
  if (runs_on_valgrind() || !prepare()) return false;
  // What the last one left in its thread-local block is not the next one's.
  clear_memory(memory_ + kStackSize, thread_local_size_ + kControlBlockSize);
  std::byte* const memory = control_block();
  auto* const block = reinterpret_cast<ControlBlock*>(memory);
  block->self = block->self_again = block;
  block->stack_guard = word_at_thread_pointer(offsetof(ControlBlock, stack_guard));
  block->pointer_guard = word_at_thread_pointer(offsetof(ControlBlock, pointer_guard));
  work_of(memory) = {task, argument};
  const long number = clone_thread();
  if (is_error(number)) return false;
  number_ = static_cast<std::int32_t>(number);
  return true;
#endif
}

std::byte* OwnThread::control_block() const {
  return memory_ + kStackSize + thread_local_size_;
}

long OwnThread::clone_thread() {
  constexpr unsigned long kFlags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS |
                                   CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
  long result = SYS_clone;
  register void* child_id asm("r10") = &running_;
  register void* thread_pointer asm("r8") = control_block();
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xorl %%ebp, %%ebp\n\t"
      "call memtrace_own_thread_begins\n\t"
      "ud2\n"
      "1:"
      : "+a"(result)
      : "D"(kFlags), "S"(memory_ + kStackSize), "d"(&running_), "r"(child_id), "r"(thread_pointer)
      : "rcx", "r11", "memory");
  return result;
}

void OwnThread::join() const {
  while (true) {
    const std::int32_t number = id();
    if (number == 0) break;
    // Not a private one: the kernel wakes it as a shared one.
    system_call(SYS_futex, &running_, FUTEX_WAIT, number, nullptr);
  }
  // It has given its memory back, and counts as a thread of the process for some microseconds more.
  constexpr std::int64_t kPatience = kSecond;
  const std::int64_t deadline = monotonic_time() + kPatience;
  while (system_call(SYS_tgkill, process_id(), number_, 0) == 0 && monotonic_time() < deadline) {
    system_call(SYS_sched_yield);
  }
}

void OwnThread::run_here(Task task, void* argument) {
#ifndef MTRACE_NO_OWN_THREAD
  if (prepare()) {
    std::byte* const top = memory_ + kStackSize;
    // rbx is the callee's to keep: it holds the stack that was.
    asm volatile(
        "movq %%rsp, %%rbx\n\t"
        "movq %[top], %%rsp\n\t"
        "callq *%[task]\n\t"
        "movq %%rbx, %%rsp"
        : "+D"(argument)
        : [top] "r"(top), [task] "r"(task)
        : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2",
          "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
          "xmm13", "xmm14", "xmm15", "memory", "cc");
    return;
  }
#endif
  task(argument);
}

void OwnThread::release() {
  unmap_memory(memory_, mapped_size());
  memory_ = nullptr;
}

}  // namespace memtrace::runtime
