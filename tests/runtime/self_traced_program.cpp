// A program that traces itself: does what its standard input says, line by line, and answers each
// line with a number.
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "mtrace/mtrace.h"

namespace {

std::atomic<int> handled{0};

void count_signal(int /*signal*/) {
  ++handled;
}

int handle(int signal) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = count_signal;
  sigaction(signal, &action, &before);
  // The program must find the default action, whatever the tracer has put there.
  return before.sa_handler == SIG_DFL ? 1 : 0;
}

int ignore_all() {
  int ignored = 0;
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    ignored += signal(number, SIG_IGN) == SIG_DFL ? 1 : 0;
  }
  return ignored;
}

int block_all() {
  sigset_t all;
  sigfillset(&all);
  return sigprocmask(SIG_SETMASK, &all, nullptr);
}

bool is_pending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

// In calls that a signal would end, whatever its action: each of them for so many milliseconds.
bool wait_undisturbed(int milliseconds) {
  timespec duration{.tv_sec = 0, .tv_nsec = milliseconds * 1'000'000L};
  timespec until{};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 1;
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigaddset(&none, SIGUSR1);
  return nanosleep(&duration, nullptr) == 0 && poll(nullptr, 0, milliseconds) == 0 &&
         usleep(static_cast<useconds_t>(milliseconds * 1000)) == 0 &&
         sem_timedwait(&semaphore, &until) == -1 && errno == ETIMEDOUT &&
         sigtimedwait(&none, nullptr, &duration) == -1 && errno == EAGAIN;
}

// Whatever a request may come in the middle of, for so many milliseconds.
int use_interface(int milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  int rounds = 0;
  std::vector<char> block(1000);
  for (; std::chrono::steady_clock::now() < end; ++rounds) {
    std::uint64_t current = 0;
    mtrace_get_traced_memory(&current, nullptr);
    mtrace_reset_peak();
    mtrace_get_tracer_memory();
    mtrace_get_traceback_limit();
    mtrace_get_block_traceback(block.data(), nullptr, 0);
    mtrace_clear_traces();
  }
  return rounds > 0 ? 1 : 0;
}

// The same for malloc and its relatives: 1 where the counters are exact in the end.
int allocate(int milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  std::uint64_t before = 0, after = 0;
  std::vector<void*> blocks(64);
  mtrace_get_traced_memory(&before, nullptr);
  for (std::size_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
    for (std::size_t place = 0; place < blocks.size(); ++place) {
      blocks[place] = std::realloc(blocks[place], 1 + (round * 37 + place * 101) % 3000);
    }
  }
  for (void* const block : blocks) std::free(block);
  mtrace_get_traced_memory(&after, nullptr);
  return before == after ? 1 : 0;
}

// Returns when the child runs, which is after its tracer has begun anew.
int fork_and_wait() {
  int ends[2];
  char byte = 0;
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    if (write(ends[1], &byte, 1) != 1) _exit(1);
    while (true) pause();
  }
  const bool runs = read(ends[0], &byte, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return runs ? child : -1;
}

// As a garbage collector does: stops a thread wherever it is.
std::atomic<bool> stands_still{false};

void stand_still(int /*signal*/) {
  stands_still = true;
  while (stands_still) usleep(1000);
}

// Of a thread that does nothing else than to allocate. Returns when it stands.
int stop_allocating_thread() {
  static pthread_t thread{};
  if (thread == pthread_t{}) {
    struct sigaction action {};
    action.sa_handler = stand_still;
    sigaction(SIGUSR2, &action, nullptr);
    const auto allocate_always = [](void*) -> void* {
      for (void* volatile block = nullptr;; std::free(block)) block = std::malloc(100);
    };
    if (pthread_create(&thread, nullptr, allocate_always, nullptr) != 0) return -1;
  }
  stands_still = false;
  usleep(10'000);  // else the next signal finds it where it stands
  pthread_kill(thread, SIGUSR2);
  while (!stands_still) usleep(1000);
  return 0;
}

int obey(const std::string& command, int number) {
  if (command == "start") return mtrace_start(0);
  if (command == "stop") return mtrace_stop(), 1;
  if (command == "handle") return handle(number);
  if (command == "handled") return handled;
  if (command == "ignore-all") return ignore_all();
  if (command == "block-all") return block_all();
  if (command == "use") return use_interface(number);
  if (command == "allocate") return allocate(number);
  if (command == "fork") return fork_and_wait();
  if (command == "pending") return is_pending(number) ? 1 : 0;
  if (command == "wait") return wait_undisturbed(number) ? 1 : 0;
  if (command == "stop-thread") return stop_allocating_thread();
  if (command == "end-thread") return static_cast<int>(syscall(SYS_exit, number));
  if (command == "kill") return kill(getpid(), number);
  return -1;
}

}  // namespace

int main() {
  std::string command;
  for (int number = 0; std::cin >> command >> number;) {
    std::cout << obey(command, number) << std::endl;
  }
  return 0;
}
