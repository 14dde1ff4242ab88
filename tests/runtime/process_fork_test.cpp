// fork() beside a thread that stands still in the tracer's work.
#include "runtime/control/process.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "runtime/hooks/hook.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

// What the child finds.
enum ChildStatus : int { traced = 10, untraced = 11, half_traced = 12 };

int status_of_child() {
  const pid_t child = fork();
  if (child == 0) {
    const bool counts = current_hook_mode() != HookMode::off;
    if (counts != is_traced_process()) _exit(half_traced);
    _exit(counts ? traced : untraced);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

// Forks while another thread is where `stand_still` leads it to, until it is told to go on.
int status_beside(const std::function<void(const std::function<void()>&)>& stand_still) {
  std::atomic<bool> stands = false, goes_on = false;
  std::thread other([&] {
    stand_still([&] {
      stands = true;
      while (!goes_on) std::this_thread::yield();
    });
  });
  while (!stands) std::this_thread::yield();
  const int status = status_of_child();
  // The parent's tracing goes on.
  CHECK(is_traced_process());
  CHECK(current_hook_mode() == HookMode::exact);
  goes_on = true;
  other.join();
  return status;
}

void hold(Lock& lock, const std::function<void()>& wait) {
  const Locked locked(lock);
  wait();
}

TEST_CASE("a fork does not wait for a thread that stands still in the tracer's work") {
  static const bool are_watched = [] {
    watch_forks();
    return true;
  }();
  REQUIRE(are_watched);
  REQUIRE(start_tracing({}));
  set_traced_process(true);
  CHECK(status_of_child() == traced);
  SUBCASE("with the lock of all threads") {
    CHECK(status_beside([](const auto& wait) { hold(threads_lock(), wait); }) == untraced);
  }
  SUBCASE("with the lock of a table") {
    CHECK(status_beside([](const auto& wait) { hold(tables.tracebacks.lock(), wait); }) ==
          untraced);
  }
  SUBCASE("between two counters") {
    CHECK(status_beside([](const auto& wait) {
            ThreadState* const thread = attach_thread();
            CHECK(thread != nullptr);
            CHECK(thread->announcement.enter());
            wait();
            thread->announcement.leave();
          }) == untraced);
  }
  // Nothing of it stays behind.
  CHECK(status_of_child() == traced);
  set_traced_process(false);
  stop_tracing();
}

}  // namespace
}  // namespace memtrace::runtime
