#include "runtime/tracer/thread_state.hpp"

#include <pthread.h>
#include <climits>

#include <new>

#include "runtime/os/memory.hpp"
#include "runtime/os/sanitizers.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

constinit thread_local ThreadLocal local [[gnu::tls_model("initial-exec")]];

namespace {

constinit Lock list_lock{LockRank::threads};  // of the list, and of holding the program
constinit ThreadState* all_states = nullptr;
constinit std::uint32_t attached = 0;
constinit Lock ending_lock{LockRank::ending_thread};  // of the state that ending threads share
constinit ThreadState* ending_state = nullptr;
constinit pthread_key_t key = 0;
constinit bool has_key = false;

// The caches are used as zeroed memory: constructing them would touch all of it.
struct StateMemory {
  StackCache stacks;
  RowCache rows;
  RecentStacks recent_stacks;
  UnwoundFrame frames[kMostFrames];
  ReadWord words[StackEntry::kMostWords];
  alignas(64) std::byte state[sizeof(ThreadState)];
};

ThreadState* make_state() {
  auto* const memory = static_cast<StateMemory*>(map_memory(sizeof(StateMemory)));
  if (memory == nullptr) return nullptr;
  auto* const state = new (memory->state) ThreadState;
  state->stacks = &memory->stacks;
  state->rows = &memory->rows;
  state->recent_stacks = &memory->recent_stacks;
  state->frames = memory->frames;
  state->words = memory->words;
  state->until_tick = kEventsPerTick;
  state->next = all_states;
  all_states = state;
  return state;
}

// Best one whose caches are of a stack with the same top.
ThreadState* find_free_state(std::uintptr_t top) {
  ThreadState* other = nullptr;
  for (ThreadState* state = all_states; state != nullptr; state = state->next) {
    if (state->attached || state->shared) continue;
    if (state->stack.bounds.high == top) return state;
    other = state;
  }
  return other;
}

// How many did not come out until then.
std::size_t hold_others(std::int64_t deadline) {
  hold_gate();
  const ThreadState* const own = local.state;
  std::size_t missing = 0;
  for (ThreadState* state = all_states; state != nullptr; state = state->next) {
    state->missing = state != own && !wait_until_outside(state->announcement, deadline);
    if (state->missing) ++missing;
  }
  return missing;
}

// While one thread only is attached, its share is exact.
void set_alone(bool alone) {
  // Who does not come out by then adds to its share a moment later, by a block's size at most.
  constexpr std::int64_t kPatience = 50 * kMillisecond;
  hold_others(monotonic_time() + kPatience);
  for (ThreadState* state = all_states; state != nullptr; state = state->next) {
    state->traced.set_alone(false);
  }
  for (ThreadState* state = all_states; alone && state != nullptr; state = state->next) {
    if (state->attached) state->traced.set_alone(true);
  }
  release_gate();
}

void count_attached(std::uint32_t now) {
  const std::uint32_t before = attached;
  attached = now;
  if ((before == 1) != (now == 1)) set_alone(now == 1);
}

ThreadState* attach_own() {
  const ThreadStack stack = this_thread_stack();
  ThreadState* state = nullptr;
  {
    const Locked locked(list_lock);
    state = find_free_state(stack.bounds.high);
    if (state == nullptr) state = make_state();
    if (state == nullptr) return nullptr;
    state->stacks->use_for(stack.bounds.high);
    state->stack = stack;
    state->attached = true;
    state->key_rounds = 0;
    local.state = state;
    count_attached(attached + 1);
  }
  if (has_key) {
    local.guard = false;  // glibc allocates room for many keys, and frees it with the thread
    pthread_setspecific(key, state);
    local.guard = true;
  }
  return state;
}

ThreadState* borrow_shared() {
  ending_lock.lock();
  if (ending_state == nullptr) {
    const Locked locked(list_lock);
    ending_state = make_state();
    if (ending_state != nullptr) ending_state->shared = true;
  }
  if (ending_state == nullptr) {
    ending_lock.unlock();
    return nullptr;
  }
  // Whose stack it is, is not asked: nothing is cached.
  local.state = ending_state;
  return ending_state;
}

// ThreadSanitizer leaves a thread in the last round, before us.
constexpr unsigned kKeyRounds = PTHREAD_DESTRUCTOR_ITERATIONS - (kHasThreadSanitizer ? 1 : 0);

// Threads' other destructors may allocate after this one: it comes back until the last round.
void detach(void* value) {
  auto* const state = static_cast<ThreadState*>(value);
  if (state != local.state) return;  // a fork's child has forgotten it
  if (++state->key_rounds < kKeyRounds) {
    pthread_setspecific(key, state);
    return;
  }
  local.guard = true;
  {
    const Locked locked(list_lock);
    state->traced.fold();
    state->attached = false;
    local.state = nullptr;
    local.ended = true;
    count_attached(attached - 1);
  }
  local.guard = false;
}

}  // namespace

ThreadState* attach_thread() {
  if (local.ended) return borrow_shared();
  ThreadState* const state = attach_own();
  // Nobody misses what was allocated to find out where the stack is: it is gone.
  local.nested_allocations = 0;
  return state;
}

// What it did is folded in at once, into the share of the only thread where there is one.
void return_shared_state(ThreadState& state) {
  {
    const Locked locked(list_lock);
    if (attached == 1) {
      set_alone(true);
    } else {
      state.traced.fold();
    }
  }
  local.state = nullptr;
  ending_lock.unlock();
}

bool prepare_threads() {
  if (!has_key) has_key = pthread_key_create(&key, detach) == 0;
  return has_key;
}

ProgramHold::ProgramHold() {
  // Counter sections take microseconds, also on a busy machine milliseconds at most.
  constexpr std::int64_t kPatience = 200 * kMillisecond;
  held_ = list_lock.lock_until(monotonic_time() + kPatience);
  if (held_) missing_ = hold_others(monotonic_time() + kPatience);
}

ProgramHold::~ProgramHold() {
  if (!held_) return;
  release_gate();
  list_lock.unlock();
}

Lock& ending_thread_lock() {
  return ending_lock;
}
Lock& threads_lock() {
  return list_lock;
}

bool hold_others_for_fork(std::int64_t deadline) {
  return hold_others(deadline) == 0;
}

bool are_others_outside() {
  for (const ThreadState* state = all_states; state != nullptr; state = state->next) {
    if (state != local.state && state->announcement.is_inside()) return false;
  }
  return true;
}

bool are_all_outside() {
  for (const ThreadState* state = all_states; state != nullptr; state = state->next) {
    if (state->announcement.may_be_inside()) return false;
  }
  return true;
}

void release_others_in_parent() {
  release_gate();
}

void release_others_in_child() {
  for (ThreadState* state = all_states; state != nullptr; state = state->next) {
    const bool is_own = state == local.state;
    // This one may have forked in a signal handler, and goes on in its section.
    if (!is_own) state->announcement.forget();
    state->traced.set_alone(false);
    state->attached = is_own;
  }
  attached = local.state == nullptr ? 0 : 1;
  if (local.state != nullptr) local.state->traced.set_alone(true);
  release_gate();
}

void fold_shares() {
  for_each_held_state([](ThreadState& thread) { thread.traced.fold(); });
}

ThreadState* first_thread_state() {
  return all_states;
}

}  // namespace memtrace::runtime
