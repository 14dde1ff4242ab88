// Threads that nobody knows: none of libc's, without signals, with descriptors of their own.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memtrace::runtime {

// Its thread-local block is all zero. What it runs may use nothing of libc beyond memory and string
// functions, and must not fault. It shares the program's memory, and has what its creator has at
// that moment: privileges, folder, root, umask, namespaces. It has no descriptors: those that it
// opens are no others'.
class OwnThread {
 public:
  using Task = void (*)(void* argument);

  // Runs task(argument). false where the kernel gives no thread or no memory, or where threads
  // cannot be had at all (a sanitizer must know every thread). The one before must have ended.
  // `argument` must outlive it. The caller has blocked all signals: the thread keeps that.
  bool start(Task task, void* argument);
  [[nodiscard]] bool is_running() const { return id() != 0; }
  // Its number; 0: none runs.
  [[nodiscard]] int id() const { return running_.load(std::memory_order_acquire); }
  // One was started. Returns when it has ended, and the kernel counts it no more.
  void join() const;
  // In the child of a fork, which does not have it.
  void forget() { running_.store(0, std::memory_order_relaxed); }
  // Runs task(argument) on the calling thread, but on the memory of this one, whose stack is large
  // enough where a signal handler's may not be. None must run.
  void run_here(Task task, void* argument);
  // Gives back the memory that it keeps for the next one. None must run.
  void release();

 private:
  bool prepare();
  long clone_thread();
  [[nodiscard]] std::size_t mapped_size() const;
  [[nodiscard]] std::byte* control_block() const;

  // The kernel clears it, and wakes who waits, when the thread is gone.
  std::atomic<std::int32_t> running_{0};
  std::int32_t number_ = 0;      // of the last one
  std::byte* memory_ = nullptr;  // kept for the next one
  std::size_t thread_local_size_ = 0;
};

}  // namespace memtrace::runtime
