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

// Addresses of devices, handles, tagged pointers; sizes that no memory has.
void check_odd_tracks() {
  const std::uint64_t before = current();
  constexpr std::uintptr_t kAddresses[] = {0, 1, std::uintptr_t{1} << 48, 0xFFFF800000001000,
                                           UINTPTR_MAX};
  for (const std::uint32_t domain : {60U, 61U, 0x12345678U}) {
    for (const std::uintptr_t address : kAddresses) {
      check(mtrace_track(domain, address, domain) == 1, "track an odd address", domain, address);
    }
  }
  check(current() - before == 5 * (60U + 61U + 0x12345678U), "odd addresses", current() - before,
        0);
  for (const std::uint32_t domain : {60U, 61U, 0x12345678U}) {
    for (const std::uintptr_t address : kAddresses) {
      check(mtrace_untrack(domain, address) == 1, "untrack an odd address", domain, address);
      check(mtrace_untrack(domain, address) == 0, "untrack it twice", domain, address);
    }
  }
  check(mtrace_track(60, 1, 10) == 1, "track");
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX - 4095, std::size_t{PTRDIFF_MAX} + 1}) {
    check(mtrace_track(60, 1, size) == 0, "no such size", size, 0);
    check(mtrace_track(60, 2, size) == 0, "no such size", size, 0);
  }
  check(mtrace_track(60, 2, PTRDIFF_MAX / 2) == 1, "half of all");
  check(mtrace_track(60, 3, PTRDIFF_MAX / 2 + 1) == 0, "more than all");
  check(mtrace_track(0x80000001, 1, 10) == 0, "no such domain");
  check(current() - before == PTRDIFF_MAX / 2 + 10, "what is left", current() - before, 0);
  check(mtrace_untrack(60, 2) == 1, "untrack the large one");
  for (int again = 0; again < 5; ++again) {
    check(mtrace_track(60, 2, PTRDIFF_MAX / 2) == 1, "half of all again");
    check(mtrace_untrack(60, 2) == 1, "untrack it again");
  }
  check(mtrace_untrack(60, 1) == 1, "untrack");
  check(current() == before, "odd ones untracked", current() - before, 0);
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
  check_odd_tracks();
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
