// Preloaded into a program: compares the runtime's unwinder with libunwind at every Nth allocation.
//
//   UNWIND_COMPARE_EVERY=7 UNWIND_COMPARE_OUT=FILE LD_PRELOAD=libunwind_compare.so PROGRAM...
//
// Appends one line for each process to FILE: stacks, frames, differing, truncated, unrepeatable.
// Differing stacks, up to ten, follow.
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <fcntl.h>
#include <libunwind.h>
#include <link.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/unwind/loaded_module.hpp"
#include "runtime/unwind/row_cache.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace {

namespace runtime = memtrace::runtime;

constexpr std::size_t kMostFrames = 200;
constexpr int kMostReports = 10;

struct Counts {
  std::atomic<std::uint64_t> stacks{0}, frames{0}, differing{0}, truncated{0}, unrepeatable{0};
  std::atomic<std::uint64_t> words{0}, unreproduced{0};
};
Counts counts;
std::atomic<std::uint64_t> events{0};
std::uint64_t every = 0;
int report_file = -1;
std::atomic<int> reports{0};

struct ThreadState {
  runtime::RowCache cache;
  runtime::UnwoundFrame frames[kMostFrames];
  runtime::UnwoundFrame again[kMostFrames];
  runtime::ReadWord words[3 * kMostFrames];
  unw_word_t expected[kMostFrames];
  bool expected_exact[kMostFrames];
  runtime::StackBounds bounds;
  bool bounds_known;
};
// Not initialised on purpose: zeros, and no constructor that a first allocation could run into.
thread_local ThreadState state __attribute__((tls_model("initial-exec")));
thread_local volatile bool busy __attribute__((tls_model("initial-exec"))) = false;

void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
void say(const char* format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  const int size = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (size > 0 && write(report_file, line, static_cast<std::size_t>(size)) < 0) abort();
}

// The main thread's only, so that both are tried, known and unknown bounds. Not by
// pthread_getattr_np(): a program may be in the middle of it, holding its lock, when it allocates.
void find_bounds() {
  state.bounds_known = true;
  if (getpid() != gettid()) return;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  state.bounds = {here - 65536, reinterpret_cast<std::uintptr_t>(environ)};
}

std::size_t expected_frames(const runtime::Registers& start) {
  unw_context_t context;
  unw_cursor_t cursor;
  unw_getcontext(&context);
  unw_init_local(&cursor, &context);
  std::size_t count = 0;
  bool started = false;
  do {
    unw_word_t pc = 0, sp = 0;
    unw_get_reg(&cursor, UNW_REG_IP, &pc);
    unw_get_reg(&cursor, UNW_REG_SP, &sp);
    if (sp == start.sp && pc == start.pc) started = true;
    // libunwind calls the interrupted frame a signal frame, not the one that the handler returns
    // to.
    const bool exact = unw_is_signal_frame(&cursor) > 0;
    if (started && (pc != 0 || exact)) {
      state.expected[count] = pc;
      state.expected_exact[count++] = exact;
    }
  } while (count < kMostFrames && unw_step(&cursor) > 0);
  return count;
}

void describe(std::uintptr_t pc) {
  runtime::LoadedModule module;
  Dl_info symbol{};
  dladdr(reinterpret_cast<void*>(pc), &symbol);
  if (!runtime::find_module(pc, module)) {
    say(" %#lx in no module", pc);
    return;
  }
  say(" %s+%#lx %s", module.map->l_name[0] == 0 ? "program" : module.map->l_name,
      pc - module.map->l_addr, symbol.dli_sname == nullptr ? "" : symbol.dli_sname);
}

void report(const char* what, const runtime::UnwindResult& result, std::size_t expected) {
  if (reports.fetch_add(1) >= kMostReports) return;
  say("pid %d: %s: %u frames%s, libunwind %zu\n", getpid(), what, result.frames,
      result.truncated ? " (truncated)" : "", expected);
  for (std::size_t i = 0; i < result.frames || i < expected; ++i) {
    const bool same = i < result.frames && i < expected &&
                      state.frames[i].pc == state.expected[i] &&
                      state.frames[i].exact == state.expected_exact[i];
    say("%c #%zu", same ? ' ' : '*', i);
    if (i < result.frames) describe(state.frames[i].pc);
    if (!same) say(" | ");
    if (!same && i < expected) describe(state.expected[i]);
    say("\n");
  }
}

// What was read lies there, and a second unwind, from cached rows, agrees with the first.
bool reproduces(const runtime::Registers& start, const runtime::UnwindResult& first) {
  for (std::size_t i = 0; i < first.words; ++i) {
    if (*reinterpret_cast<std::uintptr_t*>(state.words[i].address) != state.words[i].value) {
      return false;
    }
  }
  const runtime::UnwindResult second =
      runtime::unwind(start, state.bounds, state.cache, state.again, {});
  if (second.frames != first.frames || second.truncated != first.truncated) return false;
  for (std::size_t i = 0; i < first.frames; ++i) {
    if (state.frames[i].pc != state.again[i].pc || state.frames[i].exact != state.again[i].exact) {
      return false;
    }
  }
  return true;
}

[[gnu::noinline]] void compare(const runtime::Registers& start) {
  if (!state.bounds_known) find_bounds();
  const runtime::UnwindResult result =
      runtime::unwind(start, state.bounds, state.cache, state.frames, state.words);
  const std::size_t expected = expected_frames(start);
  ++counts.stacks;
  counts.frames += result.frames;
  counts.words += result.words;
  if (!result.repeatable) ++counts.unrepeatable;
  const bool cut = result.frames == kMostFrames;
  if (result.truncated && !cut) {
    ++counts.truncated;
    report("truncated", result, expected);
  }
  if (result.frames != expected) {
    ++counts.differing;
    report("another number of frames", result, expected);
  } else {
    for (std::size_t i = 0; i < expected; ++i) {
      if (state.frames[i].pc != state.expected[i] ||
          state.frames[i].exact != state.expected_exact[i]) {
        ++counts.differing;
        report("another frame", result, expected);
        break;
      }
    }
  }
  if (!reproduces(start, result)) ++counts.unreproduced;
}

void compare_now_and_then(const runtime::Registers& start) {
  if (busy || every == 0 || (events.fetch_add(1) + 1) % every != 0) return;
  busy = true;
  compare(start);
  busy = false;
}

[[gnu::constructor]] void begin() {
  const char* out = getenv("UNWIND_COMPARE_OUT");
  const char* step = getenv("UNWIND_COMPARE_EVERY");
  if (out == nullptr) return;
  busy = true;
  report_file = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  every = step == nullptr ? 1 : strtoul(step, nullptr, 10);
  busy = false;
}

[[gnu::destructor]] void end() {
  if (report_file < 0) return;
  busy = true;
  say("stacks %lu frames %lu differing %lu truncated %lu unrepeatable %lu words %lu unreproduced "
      "%lu\n",
      counts.stacks.load(), counts.frames.load(), counts.differing.load(), counts.truncated.load(),
      counts.unrepeatable.load(), counts.words.load(), counts.unreproduced.load());
}

}  // namespace

#define START_REGISTERS                                                    \
  {                                                                        \
    reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)),         \
        reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) + 16, \
        *static_cast<std::uintptr_t*>(__builtin_frame_address(0))          \
  }

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);

[[gnu::visibility("default")]] void unwind_compare_here() {
  compare_now_and_then(START_REGISTERS);
  asm volatile("");
}
[[gnu::visibility("default")]] void* malloc(std::size_t size) {
  void* block = __libc_malloc(size);
  compare_now_and_then(START_REGISTERS);
  return block;
}
[[gnu::visibility("default")]] void* calloc(std::size_t count, std::size_t size) {
  void* block = __libc_calloc(count, size);
  compare_now_and_then(START_REGISTERS);
  return block;
}
[[gnu::visibility("default")]] void* realloc(void* old, std::size_t size) {
  void* block = __libc_realloc(old, size);
  compare_now_and_then(START_REGISTERS);
  return block;
}
}
