// What programs do with memory, seen by the tracer that is linked to this one: prints each check
// that fails, and fails then.
//
//   tracer_scenarios [SCENARIO...]
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csetjmp>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include "mtrace/mtrace.hpp"
#include "runtime/allocation_scenarios.hpp"
#include "runtime/scenario_checks.hpp"

namespace memtrace::test {
namespace {

void threads() {
  const std::int64_t before = current();
  for (int round = 0; round < 10; ++round) {
    std::vector<std::thread> workers;
    std::array<std::atomic<void*>, 64> exchange{};
    for (unsigned number = 0; number < 20; ++number) {
      workers.emplace_back([&exchange, number] {
        thread_local std::vector<int> destroyed_late;
        destroyed_late.assign(100, 1);
        for (unsigned step = 0; step < 2000; ++step) {
          std::free(exchange[(step * 7 + number) % 64].exchange(std::malloc(step % 3000)));
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    for (auto& place : exchange) std::free(place.load());
  }
  // The loader keeps some of the threads' memory for the next ones.
  constexpr std::int64_t kKept = 16'384;
  check(current() - before <= kKept, "left after threads", current() - before, kKept);
}

pthread_key_t late_key;

void allocate_late(void* rounds) {
  std::free(used(std::malloc(100)));
  const auto left = reinterpret_cast<std::uintptr_t>(rounds);
  if (left > 1) pthread_setspecific(late_key, reinterpret_cast<void*>(left - 1));
}

void late_destructors() {
  pthread_key_create(&late_key, allocate_late);
  const std::int64_t before = current();
  for (int round = 0; round < 20; ++round) {
    std::thread([] { pthread_setspecific(late_key, reinterpret_cast<void*>(4)); }).join();
  }
  constexpr std::int64_t kKept = 1024;
  check(current() - before <= kKept, "left after destructors", current() - before, kKept);
  pthread_key_delete(late_key);
}

void forks() {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) std::free(used(std::malloc(100)));
  });
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int step = 0; step < 1000; ++step) std::free(used(std::malloc(200)));
      std::thread([] { std::free(used(std::malloc(300))); }).join();
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 7, "a forked child's status", status, 7 << 8);
  }
  stop = true;
  busy.join();
}

std::atomic<int> handled{0};

void allocate_in_handler(int /*signal*/) {
  std::free(used(std::malloc(64)));
  ++handled;
}

// The C library's malloc must not be interrupted by itself, so the program only works in the tracer
// while signals come: in a block's traceback, in snapshots' counters.
void signals() {
  struct sigaction action {};
  action.sa_handler = allocate_in_handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &often, nullptr);
  const std::int64_t before = current();
  for (std::uintptr_t step = 0; handled < 200; ++step) {
    mtrace_track(77, step % 64 + 1, step % 100);
    memtrace::get_traced_memory();
  }
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  for (std::uintptr_t slot = 1; slot <= 64; ++slot) mtrace_untrack(77, slot);
  check(current() == before, "left after signals", current() - before, 0);
}

void jumps() {
  static std::jmp_buf target;
  static std::vector<void*> blocks;
  const std::int64_t before = current();
  if (setjmp(target) == 0) {
    blocks.reserve(4);
    for (int step = 0; step < 4; ++step) blocks.push_back(std::malloc(50));
    std::longjmp(target, 1);
  }
  for (void* const block : blocks) std::free(block);
  std::vector<void*>().swap(blocks);
  check(current() == before, "left after longjmp", current() - before, 0);
}

void interface() {
  check(mtrace_is_tracing() == 1, "is_tracing");
  check(memtrace::start(), "start once more");
  const std::int64_t before = current();
  check(memtrace::track(50, &failed, 1000), "track");
  check(memtrace::track(50, &failed, 2000), "track again");
  check(current() - before == 2000, "tracked", current() - before, 2000);
  check(memtrace::untrack(50, &failed), "untrack");
  check(!memtrace::untrack(50, &failed), "untrack twice");
  check(current() == before, "untracked", current() - before, 0);
  memtrace::reset_peak();
  check(memtrace::get_traced_memory().peak == memtrace::get_traced_memory().current, "reset_peak");
  check(memtrace::get_tracer_memory() > 0, "tracer_memory");
  memtrace::clear_traces();
  check(current() == 0, "clear_traces", current(), 0);
  memtrace::stop();
  check(!memtrace::is_tracing() && memtrace::get_traceback_limit() == 0, "stop");
  check(!memtrace::track(50, &failed, 1), "track while stopped");
  std::free(used(std::malloc(10)));
  check(memtrace::start(3) && memtrace::get_traceback_limit() == 3, "start again");
  check_pair(
      "after starting again", 20, [] { return std::malloc(20); }, std::free);
}

struct Scenario {
  std::string_view name;
  void (*run)();
};
constexpr std::array kScenarios = {
    Scenario{"malloc", malloc_family}, Scenario{"moves", moves},
    Scenario{"operators", operators},  Scenario{"exceptions", exceptions},
    Scenario{"threads", threads},      Scenario{"late-destructors", late_destructors},
    Scenario{"forks", forks},          Scenario{"signals", signals},
    Scenario{"jumps", jumps},          Scenario{"interface", interface},
};

bool is_wanted(std::string_view name, int count, char** arguments) {
  for (int index = 1; index < count; ++index) {
    if (name == arguments[index]) return true;
  }
  return count == 1;
}

}  // namespace
}  // namespace memtrace::test

int main(int count, char** arguments) {
  using namespace memtrace::test;
  if (!memtrace::start()) return 2;
  for (const Scenario& scenario : kScenarios) {
    if (is_wanted(scenario.name, count, arguments)) scenario.run();
  }
  return failed ? 1 : 0;
}
