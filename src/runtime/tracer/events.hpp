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
#include "runtime/tracer/tracer.hpp"

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

// What comes and goes, counted: the part of events.hpp that every event passes through, to be
// compiled into the hooks.

inline std::uintptr_t address_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

// There is no memory to remember it.
inline void drop_block(ThreadState& thread) {
  ++thread.losses.dropped_blocks;
  note_no_memory();
}

// Takes a block out of what its record holds. Returns by how much the traced memory changes; adding
// that is the caller's.
[[gnu::always_inline]] inline std::int64_t subtract_block(ThreadState& thread, const Block& block) {
  if (block.record == kOwnRecord) [[unlikely]]
    return 0;
  Record* const record = thread.records.find_or_add(block.record);
  if (record == nullptr) [[unlikely]] {
    note_no_memory();
    return -block.size;
  }
  record->touch(traced_total.epoch.load(std::memory_order_relaxed));
  record->live += Counter{-block.size, -1};
  return -block.size;
}

[[gnu::always_inline]] inline std::int64_t add_block(ThreadState& thread, const Block& block) {
  if (block.record == kOwnRecord) [[unlikely]]
    return 0;
  Record* const record = thread.records.find_or_add(block.record);
  if (record == nullptr) [[unlikely]] {
    note_no_memory();
    return block.size;
  }
  const Counter change{block.size, 1};
  record->touch(traced_total.epoch.load(std::memory_order_relaxed));
  record->live += change;
  record->total += change;
  return block.size;
}

// A block has become another, in the same record.
[[gnu::always_inline]] inline void add_again(ThreadState& thread, const Block& block) {
  if (block.record == kOwnRecord) return;
  Record* const record = thread.records.find_or_add(block.record);
  if (record == nullptr) return;
  record->touch(traced_total.epoch.load(std::memory_order_relaxed));
  record->total += Counter{block.size, 1};
}

[[gnu::noinline]] bool put_in_table(std::uint64_t key, const Block& block, Block& previous);
[[gnu::noinline]] bool take_from_table(std::uint64_t key, Block& block);

// Remembers a block of the heap; false where there is no memory.
[[gnu::always_inline]] inline bool remember(std::uintptr_t address, const Block& block,
                                            Block& previous) {
  bool stored = false;
  if (ShadowMap::takes(address, static_cast<std::size_t>(block.size))) {
    previous = tables.shadow.put(address, block, stored);
    return stored;
  }
  // Copies: what a call is given the address of would lie in memory on the way above, too.
  const Block copy = block;
  Block replaced;
  stored = put_in_table(address, copy, replaced);
  previous = replaced;
  return stored;
}

// A block that the maps do not hold any more.
[[gnu::always_inline]] inline void subtract(ThreadState& thread, const Block& block) {
  thread.traced.add(subtract_block(thread, block));
}

[[gnu::always_inline]] inline void add_allocation(ThreadState& thread, void* pointer,
                                                  std::size_t size, RecordId record) {
  const Block block{record, static_cast<std::int64_t>(size)};
  if (!thread.announcement.enter()) return;
  Block previous;
  if (record != kNoRecord && remember(address_of(pointer), block, previous)) [[likely]] {
    if (previous.record != kNoRecord) [[unlikely]]
      subtract(thread, previous);
    thread.traced.add(add_block(thread, block));
  } else {
    drop_block(thread);
  }
  thread.announcement.leave();
}

// Whether the shadow map knows the block of an object.
[[gnu::always_inline]] inline bool knows_object(ThreadState& thread, std::uintptr_t address) {
  if (!thread.announcement.enter()) return false;
  const bool knows = tables.shadow.knows(address);
  thread.announcement.leave();
  return knows;
}

// A block in the shadow map begins another life, as in on_large_reference().
[[gnu::always_inline]] inline void add_reference(ThreadState& thread, std::uintptr_t address,
                                                 RecordId record) {
  if (record == kNoRecord || !thread.announcement.enter()) return;
  Block block = tables.shadow.change_record(address, record);
  if (block.record == record) {
    add_again(thread, block);
  } else if (block.record != kNoRecord) {
    std::int64_t change = subtract_block(thread, block);
    block.record = record;
    change += add_block(thread, block);
    if (change != 0) [[unlikely]]
      thread.traced.add(change);
  }
  thread.announcement.leave();
}

// Of a block that an interpreter's allocator takes back; false where the shadow map does not know
// it. What was not known is not counted: it came before the interpreter was traced.
[[gnu::always_inline]] inline bool subtract_release(ThreadState& thread, const void* pointer) {
  if (!thread.announcement.enter()) return false;
  Block block = tables.shadow.take(address_of(pointer));
  const bool is_in_map = block.record != kNoRecord;
  if (!is_in_map) [[unlikely]] {
    Block taken;
    take_from_table(address_of(pointer), taken);
    block = taken;
  }
  if (block.record != kNoRecord) [[likely]]
    subtract(thread, block);
  thread.announcement.leave();
  return is_in_map;
}

}  // namespace memtrace::runtime
