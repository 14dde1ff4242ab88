#include "runtime/tracer/stack_records.hpp"

#include "runtime/stacks/code_generation.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/interpreter_stacks.hpp"

namespace memtrace::runtime {
namespace {

RecordId unwind_stack(ThreadState& thread, const StackKey& key, bool cacheable) {
  const std::uint32_t limit = tables.frame_limit.load(std::memory_order_relaxed);
  const UnwindResult result =
      unwind(key.registers, thread.stack.bounds, *thread.rows, {thread.frames, limit},
             {thread.words, cacheable ? StackEntry::kMostWords : 0});
  const RecordId record =
      tables.tracebacks.record_of({thread.frames, result.frames}, result.truncated, key.domain);
  if (cacheable && result.repeatable && record != kNoRecord) {
    thread.stacks->put(key, {thread.words, result.words}, result.used_rbp, record);
  }
  return record;
}

}  // namespace

RecordId record_of_machine_stack(ThreadState& thread, const StackKey& key) {
  const std::uint32_t generation = code_generation.stacks.load(std::memory_order_acquire);
  if (thread.stack_generation != generation) [[unlikely]] {
    thread.stacks->clear();
    thread.stack_generation = generation;
  }
  const std::uintptr_t sp = key.registers.sp;
  const StackBounds& bounds = thread.stack.bounds;
  bool cacheable = sp - bounds.low < bounds.high - bounds.low;
  if (!cacheable) [[unlikely]]
    cacheable = find_below(thread.stack, sp);
  if (cacheable) [[likely]] {
    const RecordId known = thread.stacks->find(key);
    if (known != kNoRecord) [[likely]]
      return known;
  }
  return unwind_stack(thread, key, cacheable);
}

RecordId record_of_stack(ThreadState& thread, const StackKey& key) {
  if (front_end.load(std::memory_order_relaxed) != nullptr) {
    const RecordId recent = interpreter_stacks.recent_record(thread, key.domain, false);
    if (recent != kNoRecord) return recent;
    const RecordId interpreted = interpreter_stacks.record_of(thread, key, false);
    if (interpreted != kNoRecord) return interpreted;
  }
  return record_of_machine_stack(thread, key);
}

}  // namespace memtrace::runtime
