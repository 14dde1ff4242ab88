#include "runtime/unwind/unwinder.hpp"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <memory>
#include <vector>

#include "runtime/os/system_call.hpp"
#include "runtime/unwind/row_cache.hpp"

namespace memtrace::runtime {
namespace {

StackBounds bounds_of_this_thread() {
  pthread_attr_t attributes;
  REQUIRE(pthread_getattr_np(pthread_self(), &attributes) == 0);
  void* low = nullptr;
  std::size_t size = 0;
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  const auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin, begin + size};
}

struct Stack {
  std::vector<UnwoundFrame> frames;
  std::vector<ReadWord> words;
  UnwindResult result;

  [[nodiscard]] std::vector<std::uintptr_t> pcs() const {
    std::vector<std::uintptr_t> found;
    for (const UnwoundFrame& frame : frames) found.push_back(frame.pc);
    return found;
  }
};

// What the next look() does and what it found: it is called from code that can pass nothing on.
struct Request {
  StackBounds bounds;
  std::size_t frames = 200;
  std::size_t words = 600;
  RowCache* cache = nullptr;
  Stack found;
  Registers start;
};
Request request;

void unwind_into(Stack& stack, const Registers& start) {
  stack.frames.resize(request.frames);
  stack.words.resize(request.words);
  stack.result = unwind(start, request.bounds, *request.cache, stack.frames, stack.words);
  stack.frames.resize(stack.result.frames);
  stack.words.resize(stack.result.words);
}

#ifdef __clang__
#define WITH_FRAME_POINTER [[gnu::noinline]]
#else
#define WITH_FRAME_POINTER [[gnu::noinline, gnu::optimize("no-omit-frame-pointer")]]
#endif

extern "C" WITH_FRAME_POINTER void unwind_test_look() {
  auto* const frame = static_cast<std::uintptr_t*>(__builtin_frame_address(0));
  request.start = {frame[1], reinterpret_cast<std::uintptr_t>(frame + 2), frame[0]};
  unwind_into(request.found, request.start);
}

// Everything is forgotten: a cache of its own, whole stacks, this thread's bounds.
std::unique_ptr<RowCache> begin_requests() {
  auto cache = std::make_unique<RowCache>();
  request = Request{};
  // A signal handler that looks allocates nothing.
  request.found.frames.reserve(request.frames);
  request.found.words.reserve(request.words);
  request.bounds = bounds_of_this_thread();
  request.cache = cache.get();
  return cache;
}

// Not to be inlined, cloned or merged: what the frames are is what is tested.
#ifdef __clang__
#define ONE_FRAME [[gnu::noinline]]
#else
#define ONE_FRAME [[gnu::noinline, gnu::noclone]]
#endif

ONE_FRAME void recurse(int depth) {
  if (depth == 0) {
    unwind_test_look();
  } else {
    recurse(depth - 1);
  }
  asm volatile("");  // not a tail call
}

struct Room {
  std::size_t frames = 200;
  std::size_t words = 600;
};

// One call site, so that the stacks are the same.
std::vector<Stack> recursions(int depth, const std::vector<Room>& rooms) {
  std::vector<Stack> stacks;
  for (const Room& room : rooms) {
    request.frames = room.frames;
    request.words = room.words;
    recurse(depth);
    stacks.push_back(request.found);
  }
  return stacks;
}

TEST_CASE("a recursion has as many frames as calls, and the stack's end is found") {
  const auto cache = begin_requests();
  for (const int depth : {3, 20, 150}) {
    recurse(depth);
    const std::vector<std::uintptr_t> pcs = request.found.pcs();
    REQUIRE(pcs.size() > 2);
    CHECK(std::count(pcs.begin(), pcs.end(), pcs[1]) == depth);
    CHECK(!request.found.result.truncated);
    CHECK(request.found.result.repeatable);
  }
}

TEST_CASE("the result is cut where the room ends") {
  const auto cache = begin_requests();
  const std::vector<Stack> stacks =
      recursions(30, {{}, {32, 600}, {5, 600}, {1, 600}, {0, 600}, {200, 10}, {200, 1}, {200, 0}});
  const std::vector<std::uintptr_t> whole = stacks[0].pcs();
  CHECK(whole.size() > 32);
  for (const Stack& stack : stacks) {
    const std::vector<std::uintptr_t> pcs = stack.pcs();
    CHECK(std::equal(pcs.begin(), pcs.end(), whole.begin()));
    CHECK(stack.result.truncated == (pcs.size() < whole.size()));
  }
  for (std::size_t i = 0; i < 5; ++i) CHECK(stacks[i].result.repeatable);
  for (std::size_t i = 5; i < 8; ++i) {
    CHECK(stacks[i].pcs() == whole);
    CHECK(!stacks[i].result.repeatable);
    CHECK(stacks[i].result.words == 0);
  }
  CHECK(stacks[4].frames.empty());
}

TEST_CASE("exactly the room that a stack needs is enough") {
  const auto cache = begin_requests();
  const std::vector<Stack> whole = recursions(10, {{}});
  const std::vector<Stack> exact = recursions(10, {{whole[0].frames.size(), 600}});
  CHECK(exact[0].frames.size() == whole[0].frames.size());
  CHECK(!exact[0].result.truncated);
}

TEST_CASE("rows from a cache, bounds or none: the same frames") {
  auto cache = begin_requests();
  const StackBounds bounds = request.bounds;
  std::vector<Stack> stacks;
  for (int round = 0; round < 5; ++round) {
    if (round == 2) request.bounds = {};
    if (round == 3) RowCache::invalidate_all();
    // A stack that seems to end early.
    if (round == 4) request.bounds = {bounds.low, request.start.sp + 128};
    stacks.push_back(recursions(100, {{}})[0]);
  }
  for (const Stack& stack : stacks) {
    CHECK(stack.pcs() == stacks[0].pcs());
    CHECK(stack.result.repeatable);
  }
}

TEST_CASE("the recorded words decide") {
  const auto cache = begin_requests();
  const Stack stack = recursions(10, {{}})[0];
  REQUIRE(stack.words.size() >= stack.frames.size() - 1);
  // All return addresses but the first are among them.
  for (std::size_t i = 1; i < stack.frames.size(); ++i) {
    CHECK(std::any_of(stack.words.begin(), stack.words.end(),
                      [&](const ReadWord& word) { return word.value == stack.frames[i].pc; }));
  }
}

// --- code without tables ---

struct CodePage {
  explicit CodePage(std::initializer_list<std::uint8_t> code)
      : start(static_cast<std::uint8_t*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE | PROT_EXEC,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(start != MAP_FAILED);
    std::copy(code.begin(), code.end(), start);
  }
  ~CodePage() { munmap(start, kSize); }
  CodePage(const CodePage&) = delete;
  CodePage& operator=(const CodePage&) = delete;

  static constexpr std::size_t kSize = 4096;
  std::uint8_t* start;
};

TEST_CASE("generated code is followed by its frame pointer") {
  const auto cache = begin_requests();
  // push %rbp; mov %rsp,%rbp; sub $32,%rsp; call *%rdi; leave; ret
  const CodePage page({0x55, 0x48, 0x89, 0xE5, 0x48, 0x83, 0xEC, 0x20, 0xFF, 0xD7, 0xC9, 0xC3});
  using Generated = void (*)(void (*)());
  reinterpret_cast<Generated>(page.start)([] { recurse(3); });
  const std::vector<std::uintptr_t> pcs = request.found.pcs();
  const auto in_page = reinterpret_cast<std::uintptr_t>(page.start) + 10;
  const auto found = std::find(pcs.begin(), pcs.end(), in_page);
  REQUIRE(found != pcs.end());
  CHECK(pcs.end() - found > 3);  // what called it is there as well
  CHECK(!request.found.result.truncated);
}

TEST_CASE("generated code without a frame pointer ends in nothing worse than a cut stack") {
  const auto cache = begin_requests();
  // push %rbp; mov $value,%rbp; sub $32,%rsp; call *%rdi; add $32,%rsp; pop %rbp; ret
  for (const std::uint8_t high : std::array<std::uint8_t, 3>{0x00, 0x7F, 0xFF}) {
    const CodePage page({0x55, 0x48, 0xBD, 0x10, 0x00, 0x11, 0x22, 0x33, 0x44, high, high, 0x48,
                         0x83, 0xEC, 0x20, 0xFF, 0xD7, 0x48, 0x83, 0xC4, 0x20, 0x5D, 0xC3});
    using Generated = void (*)(void (*)());
    reinterpret_cast<Generated>(page.start)([] { recurse(3); });
    CHECK(request.found.result.truncated);
    CHECK(request.found.frames.back().pc == reinterpret_cast<std::uintptr_t>(page.start) + 17);
  }
}

// --- signals ---

ONE_FRAME void raise_and_return(int number) {
  raise(number);
  asm volatile("");
}

void look_in_handler(int) {
  recurse(1);
}

TEST_CASE("a signal's frame is passed, and what it interrupted is exact") {
  const auto cache = begin_requests();
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = look_in_handler;
  sigaction(SIGUSR1, &action, &old);
  raise_and_return(SIGUSR1);
  sigaction(SIGUSR1, &old, nullptr);
  const std::vector<UnwoundFrame>& frames = request.found.frames;
  CHECK(std::count_if(frames.begin(), frames.end(), [](auto& frame) { return frame.exact; }) == 1);
  CHECK(!request.found.result.truncated);
  CHECK(request.found.result.repeatable);
}

// The kernel's idea of it: glibc's has another layout.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

TEST_CASE("a signal frame without tables is known by its code") {
  const auto cache = begin_requests();
  constexpr unsigned long kHasRestorer = 0x04000000;
  // mov $15,%rax; syscall
  const CodePage page({0x48, 0xC7, 0xC0, 0x0F, 0x00, 0x00, 0x00, 0x0F, 0x05});
  const KernelAction action{look_in_handler, kHasRestorer, reinterpret_cast<void (*)()>(page.start),
                            0};
  KernelAction old{};
  REQUIRE(system_call(SYS_rt_sigaction, SIGUSR1, &action, &old, sizeof action.mask) == 0);
  raise_and_return(SIGUSR1);
  system_call(SYS_rt_sigaction, SIGUSR1, &old, nullptr, sizeof old.mask);
  const std::vector<UnwoundFrame>& frames = request.found.frames;
  CHECK(std::count_if(frames.begin(), frames.end(), [](auto& frame) { return frame.exact; }) == 1);
  CHECK(!request.found.result.truncated);
}

sigjmp_buf after_the_call;

void look_and_leave(int) {
  recurse(1);
  siglongjmp(after_the_call, 1);
}

// A sanitizer would look at what lies before the function.
__attribute__((noinline, no_sanitize("undefined"))) void call(void (*function)()) {
  function();
}

TEST_CASE("a call through a null pointer is followed to who called") {
  const auto cache = begin_requests();
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = look_and_leave;
  sigaction(SIGSEGV, &action, &old);
  void (*volatile nothing)() = nullptr;
  if (sigsetjmp(after_the_call, 1) == 0) call(nothing);
  sigaction(SIGSEGV, &old, nullptr);
  const std::vector<UnwoundFrame>& frames = request.found.frames;
  const auto interrupted =
      std::find_if(frames.begin(), frames.end(), [](auto& frame) { return frame.exact; });
  REQUIRE(interrupted != frames.end());
  CHECK(interrupted->pc == 0);
  CHECK(frames.end() - interrupted > 3);
  CHECK(!request.found.result.truncated);
}

}  // namespace
}  // namespace memtrace::runtime
