#include "runtime/interpreter/support.hpp"

#include <new>

#include "runtime/control/control.hpp"
#include "runtime/interpreter/allocator_hooks.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/snapshot_copy.hpp"
#include "runtime/tracer/stack_records.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {
namespace {

bool set_front_end(const FrontEnd* from) {
  return interpreter_stacks.set_front_end(*from);
}

// Without a lock: whoever asks may have interrupted who holds it.
TraceStatus status() {
  if (!is_tracing()) return {};
  return {true, interpreter_stacks.frame_limit(), interpreter_stacks.with_machine(),
          sampling_rate.load(std::memory_order_relaxed)};
}

// A signal's handler that comes in between finds the thread at the tracer's work, and leaves it to
// that to take a snapshot.
bool start(std::uint32_t frames, bool native, std::uint64_t rate) {
  const Guarded guarded;
  return start_tracing(
      {.frames = frames, .count_frames = true, .sampling_rate = rate, .native = native});
}

void stop() {
  const Guarded guarded;
  stop_tracing();
}

void free_retired() {
  const Guarded guarded;
  interpreter_stacks.free_retired();
}

bool copy(SnapshotData& data, bool by_size, void*& copied) {
  const Guarded guarded;
  LiveBlocks* blocks = nullptr;
  if (by_size) {
    void* const memory = map_memory(sizeof(LiveBlocks));
    if (memory == nullptr) return false;
    blocks = new (memory) LiveBlocks;
  }
  copied = blocks;
  return take_snapshot_data(data, blocks);
}

void release_copy(SnapshotData& data, void* copied) {
  release_snapshot_data(data);
  auto* const blocks = static_cast<LiveBlocks*>(copied);
  if (blocks == nullptr) return;
  blocks->~LiveBlocks();
  unmap_memory(blocks, sizeof(LiveBlocks));
}

TracebackTables traceback_tables() {
  const TracebackTable& from = tables.tracebacks;
  return {from.texts().texts().items(), from.modules().modules().items(), from.locations().items(),
          from.nodes().items()};
}

// Blocks of the heaps are in one map, whatever their domain.
bool find_heap_block(std::uintptr_t address, Block& block) {
  {
    const ProgramHold hold;
    if (hold.is_held()) block = tables.shadow.peek(address);
  }
  if (block.record == kNoRecord) tables.blocks.peek(address, block);
  SampledBlock sampled;
  if (block.record == kNoRecord && sampled_blocks.peek(address, sampled)) {
    block = {sampled.record, static_cast<std::int64_t>(sampled.size)};
  }
  return block.record != kNoRecord && block.record != kOwnRecord;
}

bool find_block(std::uint32_t domain, std::uintptr_t address, BlockTraceback& found) {
  const Guarded guarded;
  if (!is_tracing()) return false;
  const auto records = tables.tracebacks.records().items();
  Block block;
  if (!find_heap_block(address, block) || records[block.record].domain != domain) {
    if (!tables.tracked.peek({domain, address}, block)) return false;
  }
  const RecordKey& key = records[block.record];
  found = {key.node, key.domain, key.all_frames, block.size};
  return true;
}

bool set_untraced(bool untraced) {
  const bool was = local.untraced;
  local.untraced = untraced;
  return was;
}

constexpr InterpreterSupport kSupport = {
    .layout = kSupportLayout,
    .hooks = {nullptr, interpreter_allocate, interpreter_allocate_zeroed, interpreter_resize,
              interpreter_release},
    .refer = interpreter_refer,
    .fresh_block_offset = fresh_block_offset,
    .mode = &hook_mode_page.mode,
    .sampled_blocks = &sampled_blocks,
    .set_front_end = set_front_end,
    .status = status,
    .start = start,
    .stop = stop,
    .set_label = set_label,
    .set_untraced = set_untraced,
    .free_retired = free_retired,
    .copy = copy,
    .release_copy = release_copy,
    .write_snapshot = take_snapshot,
    .take_last_snapshot = take_last_snapshot,
    .tables = traceback_tables,
    .find_block = find_block,
};

}  // namespace
}  // namespace memtrace::runtime

const memtrace::runtime::InterpreterSupport* mtrace_interpreter_support() {
  return &memtrace::runtime::kSupport;
}
