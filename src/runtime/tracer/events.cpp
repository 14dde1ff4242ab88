#include "runtime/tracer/events.hpp"

#include <algorithm>

#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {

constinit TracerTables tables;

bool put_in_table(std::uint64_t key, const Block& block, Block& previous) {
  return tables.blocks.put(key, block, previous);
}

bool take_from_table(std::uint64_t key, Block& block) {
  return tables.blocks.take(key, block);
}

namespace {

Block forget(std::uintptr_t address) {
  Block block = tables.shadow.take(address);
  if (block.record == kNoRecord) take_from_table(address, block);
  return block;
}

}  // namespace

bool on_release(ThreadState& thread, void* pointer) {
  // The allocator is going to look at what lies before the block, which may take as long as our own
  // look into the map: let both come at once.
  __builtin_prefetch(static_cast<const std::uint8_t*>(pointer) - sizeof(std::uint64_t), 1);
  if (!thread.announcement.enter()) return false;
  const Block block = forget(address_of(pointer));
  const bool known = block.record != kNoRecord;
  if (known) [[likely]] {
    subtract(thread, block);
  } else {
    ++thread.losses.unknown_frees;
  }
  thread.announcement.leave();
  return known;
}

void on_allocation(ThreadState& thread, void* pointer, std::size_t size, const Registers& caller) {
  add_allocation(thread, pointer, size, record_of_block(thread, {caller, kNativeDomain}));
}

MovingBlock begin_move(ThreadState& thread, void* pointer, bool count_unknown) {
  if (!thread.announcement.enter()) return {};
  const MovingBlock moving{forget(address_of(pointer)), tables.era.load(std::memory_order_relaxed)};
  if (count_unknown && moving.block.record == kNoRecord) ++thread.losses.unknown_frees;
  thread.announcement.leave();
  return moving;
}

namespace {

bool is_known(const MovingBlock& moving) {
  return moving.block.record != kNoRecord &&
         moving.era == tables.era.load(std::memory_order_relaxed);
}

}  // namespace

void end_move(ThreadState& thread, const MovingBlock& moving, void* to, std::size_t size,
              RecordId record) {
  const Block block{record, static_cast<std::int64_t>(size)};
  if (!thread.announcement.enter()) return;
  std::int64_t change = is_known(moving) ? subtract_block(thread, moving.block) : 0;
  Block previous;
  if (record != kNoRecord && remember(address_of(to), block, previous)) [[likely]] {
    if (previous.record != kNoRecord) [[unlikely]]
      subtract(thread, previous);
    change += add_block(thread, block);
  } else {
    drop_block(thread);
  }
  thread.traced.add(change);
  thread.announcement.leave();
}

void cancel_move(ThreadState& thread, const MovingBlock& moving, void* pointer) {
  if (!thread.announcement.enter()) return;
  Block previous;
  if (is_known(moving) && !remember(address_of(pointer), moving.block, previous)) {
    drop_block(thread);
  }
  thread.announcement.leave();
}

void end_move_released(ThreadState& thread, const MovingBlock& moving) {
  if (!thread.announcement.enter()) return;
  if (is_known(moving)) subtract(thread, moving.block);
  thread.announcement.leave();
}

void on_large_reference(ThreadState& thread, std::uintptr_t address, RecordId record) {
  if (record == kNoRecord || !thread.announcement.enter()) return;
  Block block, previous;
  if (take_from_table(address, block)) {
    std::int64_t change = subtract_block(thread, block);
    block.record = record;
    if (put_in_table(address, block, previous)) {
      change += add_block(thread, block);
    } else {
      drop_block(thread);
    }
    if (change != 0) thread.traced.add(change);
  }
  thread.announcement.leave();
}

namespace {

// All that is alive must be a number, with what other threads have not told yet.
bool can_be_counted(const ThreadState& thread, std::size_t size) {
  constexpr std::int64_t kMost = INT64_MAX - (std::int64_t{1} << 40);
  const std::int64_t alive =
      traced_total.current.load(std::memory_order_relaxed) + thread.traced.delta();
  return size <= static_cast<std::size_t>(kMost - std::clamp<std::int64_t>(alive, 0, kMost));
}

// As add_block(), of a size that may be anything: the total stays at the largest number.
void add_tracked(ThreadState& thread, const Block& block) {
  Record* const record = thread.records.find_or_add(block.record);
  if (record == nullptr) return note_no_memory();
  record->touch(traced_total.epoch.load(std::memory_order_relaxed));
  record->live += {block.size, 1};
  if (__builtin_add_overflow(record->total.size, block.size, &record->total.size)) {
    record->total.size = INT64_MAX;
  }
  ++record->total.count;
}

}  // namespace

bool on_track(ThreadState& thread, std::uint32_t domain, std::uintptr_t address, std::size_t size,
              const Registers& caller) {
  if (domain >= kNoDomain || !can_be_counted(thread, size)) return false;
  const RecordId record = record_of_stack(thread, {caller, domain});
  if (!thread.announcement.enter()) return false;
  Block previous;
  std::int64_t change = 0;
  if (tables.tracked.take({domain, address}, previous)) {
    change = subtract_block(thread, previous);
  }
  const Block block{record, static_cast<std::int64_t>(size)};
  const bool stored = record != kNoRecord && tables.tracked.put({domain, address}, block, previous);
  if (stored) {
    add_tracked(thread, block);
    change += block.size;
  } else {
    drop_block(thread);
  }
  thread.traced.add(change);
  thread.announcement.leave();
  return stored;
}

bool on_untrack(ThreadState& thread, std::uint32_t domain, std::uintptr_t address) {
  if (!thread.announcement.enter()) return false;
  Block block;
  const bool known = tables.tracked.take({domain, address}, block);
  if (known) subtract(thread, block);
  thread.announcement.leave();
  return known;
}

namespace {

// While a thread is announced, nobody takes the maps away.
class Announced {
 public:
  explicit Announced(Announcement& announcement)
      : announcement_(announcement),
        was_inside_(announcement.is_inside()),
        is_inside_(was_inside_ || announcement.enter_unless_stopped()) {}
  ~Announced() {
    if (is_inside_ && !was_inside_) announcement_.leave();
  }
  Announced(const Announced&) = delete;
  Announced& operator=(const Announced&) = delete;
  [[nodiscard]] bool is_inside() const { return is_inside_; }

 private:
  Announcement& announcement_;
  bool was_inside_;
  bool is_inside_;
};

}  // namespace

void on_nested_release(void* pointer) {
  ThreadState* const thread = local.state;
  if (thread == nullptr) return;
  const Announced announced(thread->announcement);
  if (!announced.is_inside()) return;
  Block block = tables.shadow.take(address_of(pointer));
  const std::uint64_t key = address_of(pointer);
  if (block.record == kNoRecord && !tables.blocks.take_in_handler(key, block)) {
    ++thread->losses.unknown_frees;
    return;
  }
  if (block.record == kNoRecord) return;
  DeferredReleases& deferred = thread->deferred;
  if (deferred.count == DeferredReleases::kRoom) {
    ++thread->losses.unknown_frees;
    return;
  }
  deferred.blocks[deferred.count] = block;
  deferred.count = deferred.count + 1;
}

void subtract_deferred(ThreadState& thread) {
  if (!thread.announcement.enter()) return;
  while (thread.deferred.count > 0) {
    thread.deferred.count = thread.deferred.count - 1;
    subtract(thread, thread.deferred.blocks[thread.deferred.count]);
  }
  thread.announcement.leave();
}

}  // namespace memtrace::runtime
