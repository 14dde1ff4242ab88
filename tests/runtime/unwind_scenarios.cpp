// Calls malloc, and asks for a comparison, from stacks of every shape. Runs with the comparing
// library preloaded; without it, it does nothing.
#include <alloca.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

// The comparing library's: whether the stack here unwinds as libunwind says. Not a hook of malloc,
// so that signal handlers may call it.
extern "C" [[gnu::weak]] void unwind_compare_here();

namespace {

#define NOT_A_TAIL_CALL asm volatile("")
[[gnu::noinline]] void here() {
  if (unwind_compare_here != nullptr) unwind_compare_here();
  NOT_A_TAIL_CALL;
}

// --- frames of every kind ---

[[gnu::noinline]] void with_variable_array(int depth);

[[gnu::noinline]] void plain(int depth) {
  here();
  if (depth > 0) with_variable_array(depth - 1);
  NOT_A_TAIL_CALL;
}

[[gnu::noinline, gnu::target("avx2")]] void with_aligned_local(int depth) {
  alignas(64) char local[64];
  local[depth % 64] = 1;
  asm volatile("" : : "r"(local) : "memory");
  here();
  if (depth > 0) plain(depth - 1);
  NOT_A_TAIL_CALL;
}

[[gnu::noinline, gnu::force_align_arg_pointer]] void realigned(int depth, int a, int b, int c,
                                                               int d, int e, int f, int g) {
  alignas(32) volatile int local[8] = {a, b, c, d, e, f, g, depth};
  auto* more = static_cast<volatile char*>(alloca(static_cast<std::size_t>(local[7] + 1) * 16));
  more[0] = 1;
  here();
  with_aligned_local(depth);
  NOT_A_TAIL_CALL;
}

void with_variable_array(int depth) {
  auto* array = static_cast<volatile char*>(alloca(static_cast<std::size_t>(depth + 1) * 40));
  array[depth] = 1;
  here();
  if (depth > 0) realigned(depth - 1, 1, 2, 3, 4, 5, 6, 7);
  NOT_A_TAIL_CALL;
}

[[gnu::noinline]] void with_big_frame(int depth) {
  char local[600'000];
  local[depth] = 1;
  asm volatile("" : : "r"(local) : "memory");
  here();
  if (depth > 0) with_big_frame(depth - 1);
  NOT_A_TAIL_CALL;
}

// --- calls that never return, and exceptions ---

thread_local jmp_buf way_out;

[[noreturn, gnu::noinline]] void leave_by_jump() {
  here();
  longjmp(way_out, 1);
}

// The call is the last instruction: it returns into the function behind.
[[gnu::noinline]] void ends_in_a_call(volatile int* value) {
  *value = 1;
  leave_by_jump();
}

struct Noisy {
  ~Noisy() { here(); }
};

[[gnu::noinline]] void throw_at(int depth) {
  Noisy noisy;
  if (depth == 0) throw std::runtime_error("a message that is too long for a small string buffer");
  throw_at(depth - 1);
  NOT_A_TAIL_CALL;
}

void exceptions() {
  for (int i = 0; i < 5; ++i) {
    try {
      throw_at(i);
    } catch (const std::exception& error) {
      here();
      const std::string copy = std::string(error.what()) + " and more of it";
      if (copy.empty()) abort();
    }
  }
  volatile int value = 0;
  if (setjmp(way_out) == 0) ends_in_a_call(&value);
  here();
}

// --- callbacks through libraries ---

int compare_numbers(const void* left, const void* right) {
  here();
  return *static_cast<const int*>(left) - *static_cast<const int*>(right);
}

void callbacks() {
  std::array<int, 20> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i * 7 % 20);
  qsort(numbers.data(), numbers.size(), sizeof(int), compare_numbers);
  std::map<std::string, std::vector<int>> map;
  for (int i = 0; i < 50; ++i) map[std::to_string(i * 1'000'000) + "a longer key"].push_back(i);
  const std::function<void(int)> function = [&map](int i) {
    here();
    map.erase(map.begin());
    if (i > 0) plain(i);
  };
  function(3);
  fclose(fmemopen(nullptr, 100, "w"));
}

// --- other stacks ---

thread_local ucontext_t main_context;
thread_local ucontext_t coroutine_context;

void coroutine() {
  for (int i = 0; i < 3; ++i) {
    plain(4);
    free(malloc(100));
    swapcontext(&coroutine_context, &main_context);
  }
}

void coroutines() {
  constexpr std::size_t kSize = 256 * 1024;
  void* const stack = malloc(kSize);
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = stack;
  coroutine_context.uc_stack.ss_size = kSize;
  coroutine_context.uc_link = &main_context;
  makecontext(&coroutine_context, coroutine, 0);
  for (int i = 0; i < 4; ++i) swapcontext(&main_context, &coroutine_context);
  free(stack);
}

void* thread_body(void*) {
  plain(6);
  callbacks();
  exceptions();
  coroutines();
  return nullptr;
}

int cloned_body(void*) {
  plain(3);
  return 0;
}

void threads() {
  std::array<pthread_t, 4> ids{};
  for (pthread_t& id : ids) pthread_create(&id, nullptr, thread_body, nullptr);
  for (const pthread_t id : ids) pthread_join(id, nullptr);
  constexpr std::size_t kSize = 256 * 1024;
  void* const stack =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  clone(cloned_body, static_cast<char*>(stack) + kSize, CLONE_VM | CLONE_VFORK | SIGCHLD, nullptr);
}

// --- signals ---

void handle(int) {
  here();
  NOT_A_TAIL_CALL;
}

void handle_with_another(int) {
  here();
  raise(SIGUSR2);
  NOT_A_TAIL_CALL;
}

void set_handler(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(number, &action, nullptr);
}

[[gnu::noinline]] int work_of_many_calls(unsigned round) {
  char text[64];
  char copy[64];
  int sum = 0;
  for (unsigned i = 0; i < 50; ++i) {
    snprintf(text, sizeof text, "%u %x %g", round, i, i * 0.5);
    memcpy(copy, text, sizeof copy);
    sum += atoi(copy) + static_cast<int>(strtol(text, nullptr, 16)) + toupper(text[i % 8]);
    std::string string(copy);
    std::sort(string.begin(), string.end());
    sum += string.find_first_of("9") != std::string::npos ? rand() : 0;
    struct timeval now;
    gettimeofday(&now, nullptr);  // in the vdso
    std::map<int, int> map{{1, 2}, {3, static_cast<int>(i)}};
    sum += map[3];
  }
  return sum;
}

[[gnu::noinline]] unsigned leaf_loop() {
  unsigned value = 1;
  for (unsigned i = 0; i < 200'000; ++i) {
    value = value * 1664525u + 1013904223u;
    asm volatile("" : "+r"(value));
  }
  return value;
}

volatile unsigned interruptions = 0;

void handle_and_count(int signal) {
  handle(signal);
  interruptions = interruptions + 1;
}

// So many that interrupt, however long that takes: a busy machine delivers them late.
void signals(unsigned wanted) {
  static std::array<char, 256 * 1024> other_stack;
  stack_t alternate{};
  alternate.ss_sp = other_stack.data();
  alternate.ss_size = other_stack.size();
  sigaltstack(&alternate, nullptr);
  set_handler(SIGUSR1, handle_with_another, 0);
  set_handler(SIGUSR2, handle, SA_ONSTACK);
  raise(SIGUSR1);
  raise(SIGUSR2);
  // At any instruction: prologues, epilogues, PLT stubs.
  set_handler(SIGALRM, handle_and_count, SA_RESTART);
  const itimerval timer{{0, 200}, {0, 200}};
  const itimerval none{};
  setitimer(ITIMER_REAL, &timer, nullptr);
  unsigned sum = 0;
  for (unsigned round = 0; interruptions < wanted; ++round) {
    sum += static_cast<unsigned>(work_of_many_calls(round)) + leaf_loop();
  }
  setitimer(ITIMER_REAL, &none, nullptr);
  if (sum == 1) puts("");
}

// --- assembly ---

extern "C" void call_with_cfa_in_rbx(void (*)());
extern "C" void call_with_cfa_by_expression(void (*)());
extern "C" void call_with_frame_pointer_only(void (*)());

void in_assembly() {
  plain(2);
  NOT_A_TAIL_CALL;
}

void assembly() {
  call_with_cfa_in_rbx(in_assembly);
  call_with_cfa_by_expression(in_assembly);
  call_with_frame_pointer_only(in_assembly);
}

struct Early {
  Early() { plain(1); }
  ~Early() { plain(1); }
};
Early early;

}  // namespace

int main(int count, char** arguments) {
  const unsigned interrupted = count > 1 ? static_cast<unsigned>(atoi(arguments[1])) : 5000;
  atexit([] { plain(1); });
  plain(9);
  with_big_frame(5);
  exceptions();
  callbacks();
  coroutines();
  threads();
  assembly();
  signals(interrupted);
  return 0;
}
