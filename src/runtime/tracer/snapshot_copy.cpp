#include "runtime/tracer/snapshot_copy.hpp"

#include <algorithm>
#include <new>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/counters/traced_total.hpp"
#include "runtime/os/floating_point.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

void LiveBlocks::collect() {
  const auto add_counted = [&](const auto& /*key*/, const Block& block) {
    if (block.record != kOwnRecord) add(block.record, block.size);
  };
  tables.shadow.for_each(add_counted);
  tables.blocks.for_each(add_counted);
  tables.tracked.for_each(add_counted);
}

std::span<const BlockGroup> LiveBlocks::groups() {
  BlockGroup* const end = std::remove_if(places_, places_ + capacity_,
                                         [](const BlockGroup& group) { return group.count == 0; });
  return {places_, static_cast<std::size_t>(end - places_)};
}

void LiveBlocks::add(std::uint32_t record, std::int64_t size) {
  if (used_ * 2 >= capacity_ && !grow()) {
    is_whole_ = false;
    return;
  }
  BlockGroup& group = find(places_, capacity_, record, size);
  if (group.count++ > 0) return;
  group.record = record;
  group.size = size;
  ++used_;
}

BlockGroup& LiveBlocks::find(BlockGroup* places, std::size_t capacity, std::uint32_t record,
                             std::int64_t size) {
  std::size_t place = scatter(record, static_cast<std::uint64_t>(size)) & (capacity - 1);
  while (places[place].count > 0 &&
         (places[place].record != record || places[place].size != size)) {
    place = (place + 1) & (capacity - 1);
  }
  return places[place];
}

bool LiveBlocks::grow() {
  constexpr std::size_t kFirstCapacity = 4096;
  const std::size_t capacity = capacity_ == 0 ? kFirstCapacity : 2 * capacity_;
  auto* const larger = static_cast<BlockGroup*>(map_backed_memory(capacity * sizeof(BlockGroup)));
  if (larger == nullptr) return used_ < capacity_ - 1 && capacity_ > 0;
  for (const BlockGroup& group : std::span(places_, capacity_)) {
    if (group.count > 0) find(larger, capacity, group.record, group.size) = group;
  }
  unmap_memory(places_, capacity_ * sizeof(BlockGroup));
  places_ = larger;
  capacity_ = capacity;
  return true;
}

// Copies the counters while the program stands still.

namespace {

// One mapping: this, the rows, the points. Found again by the rows' address.
struct CopyHeader {
  std::size_t mapped;
  std::size_t rows;

  [[nodiscard]] SnapshotRow* row_memory() { return reinterpret_cast<SnapshotRow*>(this + 1); }
  [[nodiscard]] TracedPoint* point_memory() {
    return reinterpret_cast<TracedPoint*>(row_memory() + rows);
  }
};

CopyHeader* make_copy(std::size_t rows) {
  const std::size_t mapped =
      sizeof(CopyHeader) + rows * sizeof(SnapshotRow) + Timeline::kMostPoints * sizeof(TracedPoint);
  auto* const copy = static_cast<CopyHeader*>(map_memory(mapped));
  if (copy == nullptr) return nullptr;
  *copy = {mapped, rows};
  // Touches the memory, so that no page fault holds up the program later.
  new (copy->row_memory()) SnapshotRow[rows]{};
  return copy;
}

// The members of a row that one kind of shares adds up to.
template <class Amount>
struct RowPart {
  Amount SnapshotRow::*live;
  Amount SnapshotRow::*peak;
  Amount SnapshotRow::*total;
};

template <class Amount>
void add_shares(const Shard<Share<Amount>>& shares, std::uint64_t epoch, RowPart<Amount> part,
                std::span<SnapshotRow> rows) {
  shares.for_each(static_cast<RecordId>(rows.size()), [&](RecordId id, const Share<Amount>& share) {
    SnapshotRow& row = rows[id];
    row.*part.live += share.live;
    row.*part.peak += share.peak_at(epoch);
    row.*part.total += share.total;
  });
}

void add_thread(const ThreadState& thread, std::uint64_t epoch, std::span<SnapshotRow> rows) {
  constexpr RowPart<Counter> kCounters = {&SnapshotRow::live, &SnapshotRow::peak,
                                          &SnapshotRow::total};
  constexpr RowPart<Variance> kVariances = {
      &SnapshotRow::live_variance, &SnapshotRow::peak_variance, &SnapshotRow::total_variance};
  add_shares(thread.records, epoch, kCounters, rows);
  add_shares(thread.variances, epoch, kVariances, rows);
}

enum class Copied : std::uint8_t { yes, too_many_records, not_held };

// What must be of one moment. Costs about a nanosecond a record and thread. Records that came since
// there was room for them are left to the next snapshot where `may_leave_out`.
Copied copy_counters(SnapshotData& data, std::span<SnapshotRow> rows, LiveBlocks* blocks,
                     bool may_leave_out) {
  const ProgramHold hold;
  if (!hold.is_held()) return Copied::not_held;
  if (!may_leave_out && tables.tracebacks.records().size() > rows.size()) {
    return Copied::too_many_records;
  }
  if (blocks != nullptr) blocks->collect();
  fold_shares();
  data.missing_threads = hold.missing_threads();
  const std::uint64_t epoch = traced_total.epoch.load(std::memory_order_relaxed);
  for_each_held_state([&](const ThreadState& thread) {
    add_thread(thread, epoch, rows);
    data.dropped_blocks += thread.losses.dropped_blocks;
    data.unknown_frees += thread.losses.unknown_frees;
  });
  const auto as_bytes = [](const std::atomic<std::int64_t>& bytes) {
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(bytes.load(std::memory_order_relaxed), 0));
  };
  data.current = as_bytes(traced_total.current);
  data.peak = as_bytes(traced_total.peak);
  data.created = real_time();
  return Copied::yes;
}

// nullptr where there is no memory, or the program cannot be held. Ends however fast new stacks
// come: each attempt has room for more of them, and the last one does not insist.
CopyHeader* make_full_copy(SnapshotData& data, LiveBlocks* blocks) {
  constexpr std::size_t kAttempts = 4, kRoomForMore = 1024, kGrowth = 8;
  std::size_t room = kRoomForMore;
  for (std::size_t attempt = 1;; ++attempt, room *= kGrowth) {
    CopyHeader* const copy = make_copy(tables.tracebacks.records().size() + room);
    if (copy == nullptr) return nullptr;
    const Copied copied =
        copy_counters(data, {copy->row_memory(), copy->rows}, blocks, attempt == kAttempts);
    if (copied == Copied::yes) return copy;
    unmap_memory(copy, copy->mapped);
    if (copied == Copied::not_held) return nullptr;
  }
}

Variance at_least_zero(Variance variance) {
  return {std::max(variance.size, 0.0), std::max(variance.count, 0.0)};
}

// Rows of tracebacks that never held anything go; the others learn what they count.
std::size_t finish_rows(SnapshotData& data, std::span<SnapshotRow> rows) {
  std::size_t kept = 0;
  const std::size_t end = std::min<std::size_t>(rows.size(), tables.tracebacks.records().size());
  for (std::size_t id = 1; id < end; ++id) {
    SnapshotRow row = rows[id];
    if (row.total.count == 0) continue;
    const RecordKey& key = tables.tracebacks.records()[static_cast<RecordId>(id)];
    // Sums of what was added and subtracted in different orders: nothing may remain below zero.
    row.live_variance = at_least_zero(row.live_variance);
    row.peak_variance = at_least_zero(row.peak_variance);
    row.record = static_cast<std::uint32_t>(id);
    row.all_frames = key.all_frames;
    row.node = key.node;
    row.domain = key.domain;
    if (key.truncated != 0) {
      data.truncated_tracebacks +=
          static_cast<std::uint64_t>(std::max<std::int64_t>(row.live.count, 0));
    }
    rows[kept++] = row;
  }
  return kept;
}

}  // namespace

bool take_snapshot_data(SnapshotData& data, LiveBlocks* blocks) {
  const TracebackTable& tracebacks = tables.tracebacks;
  constexpr std::int64_t kPatience = 200 * kMillisecond;
  if (!has_traces() || !tracer.lock.lock_until(monotonic_time() + kPatience)) return false;
  const Settings settings = tracer.settings;
  tracer.lock.unlock();
  const OwnFloatingPoint own;
  data = SnapshotData{};
  CopyHeader* const copy = make_full_copy(data, blocks);
  if (copy == nullptr) return false;
  if (blocks != nullptr && !blocks->is_whole()) {
    unmap_memory(copy, copy->mapped);
    data = SnapshotData{};
    return false;
  }
  data.nodes = tracebacks.nodes().items();
  if (blocks != nullptr) data.groups = blocks->groups();
  data.texts = tracebacks.texts().texts().items();
  data.locations = tracebacks.locations().items();
  data.modules = tracebacks.modules().modules().items();
  data.rows = {copy->row_memory(), finish_rows(data, {copy->row_memory(), copy->rows})};
  TracedPoint* const points = copy->point_memory();
  data.timeline = {points, timeline.copy({points, Timeline::kMostPoints})};
  data.started = static_cast<std::uint64_t>(tracer.started);
  data.traceback_limit = settings.frames;
  data.sampling_rate = settings.sampling_rate;
  data.tracer_memory = tracer_memory();
  return true;
}

void release_snapshot_data(SnapshotData& data) {
  if (data.rows.data() == nullptr) return;
  auto* const rows = const_cast<SnapshotRow*>(data.rows.data());
  auto* const copy = reinterpret_cast<CopyHeader*>(rows) - 1;
  unmap_memory(copy, copy->mapped);
  data = SnapshotData{};
}

}  // namespace memtrace::runtime
