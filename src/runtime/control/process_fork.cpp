#include "runtime/control/process_fork.hpp"

#include <pthread.h>

#include "runtime/tracer/events.hpp"
#include "runtime/tracer/interpreter_stacks.hpp"
#include "runtime/tracer/mapping_table.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/timeline.hpp"
#include "runtime/tracer/tracer.hpp"
#include "runtime/tracer/tracer_state.hpp"

namespace memtrace::runtime {
namespace {

// In the order in which they are taken elsewhere. What the handlers themselves free, or allocate,
// passes through: a lock that they hold must not be wanted again.
void before_fork() {
  local.guard = true;
  tracer.lock.lock();
  interpreter_stacks.lock_all();
  hold_for_fork();
  tables.tracebacks.lock().lock();
  tables.blocks.lock_all();
  sampled_blocks.lock_all();
  mapping_table.lock().lock();
  tables.shadow.lock().lock();
  timeline.lock().lock();
}

void in_parent() {
  timeline.lock().unlock();
  tables.shadow.lock().unlock();
  mapping_table.lock().unlock();
  sampled_blocks.unlock_all();
  tables.blocks.unlock_all();
  tables.tracebacks.lock().unlock();
  release_after_fork_in_parent();
  interpreter_stacks.unlock_all();
  tracer.lock.unlock();
  local.guard = false;
}

void in_child() {
  timeline.lock().reset();
  tables.shadow.lock().reset();
  mapping_table.lock().reset();
  sampled_blocks.reset_locks();
  tables.blocks.reset_locks();
  tables.tracebacks.lock().reset();
  interpreter_stacks.reset_locks();
  release_after_fork_in_child();
  tracer.lock.reset();
  local.guard = false;
  child_after_fork();
}

}  // namespace

void watch_forks() {
  pthread_atfork(before_fork, in_parent, in_child);
}

}  // namespace memtrace::runtime
