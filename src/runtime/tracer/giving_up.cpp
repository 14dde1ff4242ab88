#include "runtime/tracer/giving_up.hpp"

#include <atomic>

#include "runtime/os/memory.hpp"
#include "runtime/tracer/guarded.hpp"

namespace memtrace::runtime {
namespace {

constinit std::atomic<bool> no_memory{false};

}  // namespace

void note_no_memory() {
  no_memory.store(true, std::memory_order_relaxed);
  attention.store(true, std::memory_order_relaxed);
}

bool has_no_memory() {
  return no_memory.exchange(false, std::memory_order_relaxed);
}

bool make_room(std::size_t size) {
  // A thread that is ending holds a lock as long as it is in the hook.
  const bool holds_lock = local.state != nullptr && local.state->shared;
  if (!is_tracing() || holds_lock || !is_in_the_way(size, memory_of_blocks())) return false;
  const Guarded guarded;
  give_up_tracing();
  return true;
}

}  // namespace memtrace::runtime
