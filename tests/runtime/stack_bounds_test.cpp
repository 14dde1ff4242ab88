// A thread's stack is found out as far as it is used.
#include "runtime/unwind/stack_memory.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <thread>

namespace memtrace::runtime {
namespace {

std::uintptr_t here() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

bool holds(const ThreadStack& stack, std::uintptr_t address) {
  return address >= stack.bounds.low && address < stack.bounds.high;
}

// What libc says.
StackBounds true_bounds() {
  pthread_attr_t attributes;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  void* low = nullptr;
  std::size_t size = 0;
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin, begin + size};
}

TEST_CASE("a thread's stack: near, below, and at its end") {
  std::thread([] {
    ThreadStack stack = this_thread_stack();
    const StackBounds truth = true_bounds();
    CHECK(holds(stack, here()));
    CHECK_FALSE(stack.is_whole);
    CHECK(stack.bounds.low >= truth.low);
    CHECK(stack.bounds.high <= truth.high);
    const std::uintptr_t top = stack.bounds.high;
    const std::uintptr_t near = stack.bounds.low - 20'000;
    CHECK(find_below(stack, near));
    CHECK(holds(stack, near));
    CHECK_FALSE(stack.is_whole);
    CHECK(find_below(stack, truth.low + 100));
    CHECK(stack.is_whole);
    CHECK(holds(stack, truth.low + 100));
    CHECK(stack.bounds.high == top);
    // The page that keeps stacks apart.
    CHECK_FALSE(find_below(stack, truth.low - 8));
    CHECK_FALSE(holds(stack, truth.low - 8));
  }).join();
}

TEST_CASE("another stack is not a thread's") {
  std::thread([] {
    ThreadStack stack = this_thread_stack();
    const ThreadStack before = stack;
    CHECK_FALSE(find_below(stack, stack.bounds.high + 8));
    CHECK_FALSE(find_below(stack, reinterpret_cast<std::uintptr_t>(&here)));
    CHECK(stack.bounds.high == before.bounds.high);
    CHECK(stack.is_whole);
  }).join();
}

}  // namespace
}  // namespace memtrace::runtime
