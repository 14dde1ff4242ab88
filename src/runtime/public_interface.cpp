// include/mtrace/mtrace.h
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mtrace/mtrace.h"
#include "runtime/control/annotations.hpp"
#include "runtime/control/control.hpp"
#include "runtime/hooks/hook.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/snapshot_copy.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

std::size_t copy_traceback(RecordId record, std::uintptr_t* frames, std::size_t count) {
  TracebackTable& tracebacks = tables.tracebacks;
  const Locked locked(tracebacks.lock());
  std::size_t depth = 0;
  for (std::uint32_t node = tracebacks.records()[record].node; node != 0; ++depth) {
    const NodeRecord& frame = tracebacks.nodes()[node];
    if (depth < count) {
      frames[depth] = tracebacks.modules().address_of(tracebacks.locations()[frame.location]);
    }
    node = frame.parent;
  }
  return depth;
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: what stands here is the public C interface

int mtrace_start(unsigned nframe) {
  Settings settings;
  if (nframe != 0) settings.frames = nframe;
  const Guarded guarded;
  if (!start_tracing(settings)) return 0;
  accept_requests();
  return 1;
}

void mtrace_stop(void) {
  const Guarded guarded;
  stop_tracing();
}

int mtrace_is_tracing(void) {
  return is_tracing() ? 1 : 0;
}

int mtrace_take_snapshot(const char* path) {
  const int error = take_snapshot(path);
  if (error == 0) return 1;
  errno = error;
  return 0;
}

const char* mtrace_get_error_text(int error) {
  if (error == ENODATA) return "nothing is traced";
  const char* const text = strerrordesc_np(error);
  return text == nullptr ? "unknown error" : text;
}

void mtrace_get_traced_memory(uint64_t* current, uint64_t* peak) {
  const Guarded guarded;
  const TracedBytes memory = traced_memory();
  if (current != nullptr) *current = memory.current;
  if (peak != nullptr) *peak = memory.peak;
}

void mtrace_reset_peak(void) {
  const Guarded guarded;
  reset_peak();
}

void mtrace_clear_traces(void) {
  const Guarded guarded;
  clear_traces();
}

unsigned mtrace_get_traceback_limit(void) {
  const Guarded guarded;
  return is_tracing() ? current_settings().frames : 0;
}

uint64_t mtrace_get_tracer_memory(void) {
  const Guarded guarded;
  return tracer_memory();
}

size_t mtrace_get_block_traceback(const void* pointer, uintptr_t* frames, size_t count) {
  const Guarded guarded;
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  Block block;
  {
    const ProgramHold hold;
    if (hold.is_held()) block = tables.shadow.peek(address);
  }
  if (block.record == kNoRecord) tables.blocks.peek(address, block);
  SampledBlock sampled;
  if (block.record == kNoRecord && sampled_blocks.peek(address, sampled)) {
    block.record = sampled.record;
  }
  return block.record == kNoRecord || block.record == kOwnRecord
             ? 0
             : copy_traceback(block.record, frames, count);
}

int mtrace_set_untraced(int untraced) {
  const bool was = local.untraced;
  local.untraced = untraced != 0;
  return was ? 1 : 0;
}

void mtrace_add_work(uint64_t units) {
  work.add(units);
}

int mtrace_track(uint32_t domain, uintptr_t pointer, size_t size) {
  ThreadState* thread = nullptr;
  // What is told is told of every block, also while the heap is sampled.
  if (!is_tracing() || enter_traced_hook(thread) != HookEntry::traced) return 0;
  const bool tracked = on_track(*thread, domain, pointer, size, caller_registers());
  leave_hook(*thread);
  return tracked ? 1 : 0;
}

int mtrace_untrack(uint32_t domain, uintptr_t pointer) {
  ThreadState* thread = nullptr;
  if (!is_tracing() || enter_traced_hook(thread) != HookEntry::traced) return 0;
  const bool tracked = on_untrack(*thread, domain, pointer);
  leave_hook(*thread);
  return tracked ? 1 : 0;
}
