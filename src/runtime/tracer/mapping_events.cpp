#include "runtime/tracer/mapping_events.hpp"

#include "runtime/tracer/block_counting.hpp"
#include "runtime/tracer/mapping_table.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {

constinit std::atomic<bool> traces_mappings{false};

namespace {

constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t size) {
  return (size + kPage - 1) & ~(kPage - 1);
}

void add_to_record(ThreadState& thread, RecordId id, Counter live, Counter total) {
  Record* const record = thread.records.find_or_add(id);
  if (record == nullptr) return;
  record->touch(traced_total.epoch.load(std::memory_order_relaxed));
  record->live += live;
  record->total += total;
}

// Returns the bytes that went.
std::int64_t cut(ThreadState& thread, std::uintptr_t begin, std::size_t size) {
  std::int64_t gone = 0;
  mapping_table.cut(begin, begin + whole_pages(size), [&](RecordId record, Counter change) {
    add_to_record(thread, record, change, {});
    gone -= change.size;
  });
  return gone;
}

// Returns the bytes that came.
std::int64_t add(ThreadState& thread, std::uintptr_t begin, std::size_t size, RecordId record) {
  const std::size_t whole = whole_pages(size);
  if (record == kNoRecord || !mapping_table.add({begin, begin + whole, record})) {
    drop_block(thread);
    return 0;
  }
  const Counter one{static_cast<std::int64_t>(whole), 1};
  add_to_record(thread, record, one, one);
  return one.size;
}

}  // namespace

void on_mapped(ThreadState& thread, std::uintptr_t begin, std::size_t size, bool anonymous,
               const Registers& caller) {
  const RecordId record = anonymous ? record_of_stack(thread, {caller, kMmapDomain}) : kNoRecord;
  if (!thread.announcement.enter()) return;
  std::int64_t change = -cut(thread, begin, size);
  if (anonymous) change += add(thread, begin, size, record);
  thread.traced.add(change);
  thread.announcement.leave();
}

void on_unmapped(ThreadState& thread, std::uintptr_t begin, std::size_t size) {
  if (!thread.announcement.enter()) return;
  thread.traced.add(-cut(thread, begin, size));
  thread.announcement.leave();
}

void on_remapped(ThreadState& thread, std::uintptr_t from, std::size_t old_size, std::uintptr_t to,
                 std::size_t size, const Registers& caller) {
  const RecordId record = record_of_stack(thread, {caller, kMmapDomain});
  if (!thread.announcement.enter()) return;
  const std::int64_t moved = cut(thread, from, old_size);
  std::int64_t change = -moved - cut(thread, to, size);
  if (moved > 0) change += add(thread, to, size, record);
  thread.traced.add(change);
  thread.announcement.leave();
}

}  // namespace memtrace::runtime
