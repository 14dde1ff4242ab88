// What the tracer keeps for each thread.
#pragma once

#include <array>
#include <cstdint>

#include "runtime/blocks/shadow_map.hpp"
#include "runtime/counters/record_shard.hpp"
#include "runtime/counters/sampler.hpp"
#include "runtime/counters/traced_total.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/stacks/interpreter_front_end.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/unwind/row_cache.hpp"
#include "runtime/unwind/stack_memory.hpp"
#include "runtime/unwind/unwinder.hpp"

namespace memtrace::runtime {

// Everything that could not be recorded, by one thread.
struct ThreadLosses {
  std::uint64_t dropped_blocks = 0;
  std::uint64_t unknown_frees = 0;
};

// What a signal handler freed while its thread was in a hook: already forgotten by the maps, not
// yet subtracted.
struct DeferredReleases {
  static constexpr std::size_t kRoom = 64;
  std::array<Block, kRoom> blocks;
  volatile std::uint32_t count = 0;
};

// Made at a thread's first event, used by one thread at a time, handed to the next one.
struct ThreadState {
  Announcement announcement;
  bool shared = false;    // the state of threads that are ending, used under a lock
  bool attached = false;  // some thread's
  bool missing = false;   // the last hold did not wait for it any longer
  std::uint8_t key_rounds = 0;
  std::uint32_t until_tick = 0;
  TracedShare traced;
  RecordShard records;
  VarianceShard variances;
  Sampler sampler;
  ThreadStack stack;
  std::uint32_t stack_generation = 0;
  ThreadLosses losses;
  ThreadState* next = nullptr;  // of all states that were ever made
  StackCache* stacks = nullptr;
  RowCache* rows = nullptr;
  // Room for one unwind: the stack that is traced may be a coroutine's and have none.
  UnwoundFrame* frames = nullptr;  // [kMostFrames]
  ReadWord* words = nullptr;       // [StackEntry::kMostWords]
  DeferredReleases deferred;
  RecentStacks* recent_stacks = nullptr;  // of an interpreter

  [[nodiscard]] bool has_more_to_do() const { return shared || deferred.count > 0; }
};

// A step of the distance, and what is left after it.
struct SampleDistance {
  // A thread sees after so many bytes at the latest that tracing began again with another rate.
  static constexpr std::int64_t kStep = 8192;
  std::int64_t step = 0;  // bytes
  std::int64_t beyond = 0;

  void set(std::int64_t bytes) {
    step = bytes < kStep ? bytes : kStep;
    beyond = bytes - step;
  }
};

struct ThreadLocal {
  ThreadState* state = nullptr;
  // Sampling: bytes that may be allocated before the sampler is asked, and before the next sample.
  SampleDistance distance;
  std::uint64_t sampler_rate = 0;  // that this distance was drawn for; 0: none was
  // Inside of a hook. Volatile: a signal handler, or what is called between two writes of it
  // without the compiler knowing that it allocates, may look at it.
  volatile bool guard = false;
  // What it allocates is the tracer's own for now.
  volatile bool untraced = false;
  volatile bool ended = false;  // its state is somebody else's already
  // Allocations that were made inside of a hook, and the last of them.
  volatile std::uint32_t nested_allocations = 0;
  void* volatile last_nested = nullptr;
  // The last block of an interpreter's, until it has become an object.
  const void* fresh_block = nullptr;
};
extern constinit thread_local ThreadLocal local [[gnu::tls_model("initial-exec")]];

// The calling thread's state, made or borrowed; nullptr where there is no memory. With the guard
// set. A borrowed state is given back with return_state().
ThreadState* attach_thread();
void return_shared_state(ThreadState& state);

// Before tracing starts; false where the process has no thread-specific keys left.
bool prepare_threads();

// Keeps all other threads outside of their counter sections, as long as it lives, and the set of
// threads as it is. Waits for a bounded time: a thread that waits in a signal handler, as garbage
// collectors make them, may stand in the middle of its section, and is marked as missing; one that
// stands where it changes the set of threads lets the hold fail.
class ProgramHold {
 public:
  ProgramHold();
  ~ProgramHold();
  ProgramHold(const ProgramHold&) = delete;
  ProgramHold& operator=(const ProgramHold&) = delete;
  [[nodiscard]] bool is_held() const { return held_; }
  [[nodiscard]] std::size_t missing_threads() const { return missing_; }

 private:
  bool held_ = false;
  std::size_t missing_ = 0;
};

// For a hold that spans a fork: the locks of the threads, in their order, and, under both, whether
// all others are outside by then. In the child all other threads' states are free.
Lock& ending_thread_lock();
Lock& threads_lock();
bool hold_others_for_fork(std::int64_t deadline);
bool are_others_outside();
// With the program held: whether nobody, this thread included, is in the middle of a section.
bool are_all_outside();
void release_others_in_parent();
void release_others_in_child();

// With the program held: calls visit(state) for every state that there is.
ThreadState* first_thread_state();
template <class Visit>
void for_each_thread_state(Visit&& visit) {
  for (ThreadState* state = first_thread_state(); state != nullptr; state = state->next) {
    visit(*state);
  }
}

// The same, but for those that are missing: theirs may be half changed.
template <class Visit>
void for_each_held_state(Visit&& visit) {
  for_each_thread_state([&](ThreadState& state) {
    if (!state.missing) visit(state);
  });
}
// Adds what all threads have not yet added to the sum.
void fold_shares();

}  // namespace memtrace::runtime
