// What the tracer does per event: which traceback, how many bytes, add; later: subtract.
//
// Everything here is called inside of a hook (see hooks/hook.hpp), by the state's thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/blocks/block_table.hpp"
#include "runtime/blocks/shadow_map.hpp"
#include "runtime/counters/snapshot_data.hpp"
#include "runtime/stacks/traceback_table.hpp"
#include "runtime/tracer/thread_state.hpp"

namespace memtrace::runtime {

// A block that is told, not allocated by malloc: each domain has addresses of its own, which may be
// anything.
struct TrackedKey {
  std::uintptr_t address = 0;
  std::uint64_t domain_and_one = 0;  // 0: no key

  TrackedKey() = default;
  TrackedKey(std::uint32_t domain, std::uintptr_t at)
      : address(at), domain_and_one(std::uint64_t{domain} + 1) {}
  bool operator==(const TrackedKey&) const = default;
};
inline std::uint64_t hash_of(const TrackedKey& key) {
  return scatter(key.address, key.domain_and_one);
}

struct TracerTables {
  ShadowMap shadow;
  BlockTable<Block, LockRank::blocks> blocks;  // of the program's heap, by address
  BlockTable<Block, LockRank::tracked_blocks, TrackedKey> tracked;
  TracebackTable tracebacks;
  std::atomic<std::uint32_t> frame_limit{0};
  // Changes when all blocks are forgotten: what was taken out of the maps before is void.
  std::atomic<std::uint32_t> era{0};
};
[[gnu::visibility("hidden")]] extern constinit TracerTables tables;

// A block of the program's heap came, in the traceback `caller`. Whatever was known of its address
// ends.
void on_allocation(ThreadState& thread, void* pointer, std::size_t size, const Registers& caller);
// It goes; false where it was not known.
bool on_release(ThreadState& thread, void* pointer);

// realloc: first the block is taken out of the maps, so that no other thread can get its address
// first; then the allocator moves it; then it is put back somewhere, and the counters change in one
// step.
struct MovingBlock {
  Block block;
  std::uint32_t era = 0;
};
MovingBlock begin_move(ThreadState& thread, void* pointer, bool count_unknown = true);
void end_move(ThreadState& thread, const MovingBlock& moving, void* to, std::size_t size,
              RecordId record);
// The allocator did nothing, or freed it.
void cancel_move(ThreadState& thread, const MovingBlock& moving, void* pointer);
void end_move_released(ThreadState& thread, const MovingBlock& moving);

// A block of the heap begins another life, which no allocator tells of: as if it had ended and come
// again. Nothing where it is not known any more. This one is in the table.
void on_large_reference(ThreadState& thread, std::uintptr_t address, RecordId record);

// The same for blocks of other domains. A block that is tracked again is replaced. false where
// tracing is off, there is no memory, no such domain can be, or so many bytes cannot be counted.
bool on_track(ThreadState& thread, std::uint32_t domain, std::uintptr_t address, std::size_t size,
              const Registers& caller);
bool on_untrack(ThreadState& thread, std::uint32_t domain, std::uintptr_t address);

// From inside of another hook of the same thread: a signal handler frees. What cannot be done now
// is done when that hook ends.
void on_nested_release(void* pointer);
void subtract_deferred(ThreadState& thread);

}  // namespace memtrace::runtime
