#include "runtime/tracer/mapping_events.hpp"

#include <algorithm>

#include "runtime/blocks/mapping_table.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {

constinit std::atomic<bool> traces_mappings{false};

namespace {

constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t size) {
  return (size + kPage - 1) & ~(kPage - 1);
}
std::uintptr_t end_of(const MappedRange& range) {
  return range.begin + whole_pages(range.size);
}

// Changes to what the records hold, of which the sum of all that is traced learns at the end.
class Changes {
 public:
  explicit Changes(ThreadState& thread) : thread_(thread) {}
  ~Changes() { thread_.traced.add(sum_); }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // What comes is new.
  void count(RecordId id, Counter live) { add(id, live, live.size > 0 ? live : Counter{}); }
  // What comes was there before.
  void restore(RecordId id, Counter live) { add(id, live, {}); }
  void drop() { drop_block(thread_); }

 private:
  void add(RecordId id, Counter live, Counter total) {
    Record* const record = thread_.records.find_or_add(id);
    if (record == nullptr) return note_no_memory();
    record->touch(traced_total.epoch.load(std::memory_order_relaxed));
    record->live += live;
    record->total += total;
    sum_ += live.size;
  }

  ThreadState& thread_;
  std::int64_t sum_ = 0;
};

void cut(Changes& changes, std::uintptr_t begin, std::uintptr_t end) {
  mapping_table.cut(begin, end, [&](RecordId id, Counter live) { changes.count(id, live); });
}

void add(Changes& changes, const Mapping& mapping) {
  if (mapping.begin >= mapping.end) return;
  if (mapping.record == kNoRecord || !mapping_table.add(mapping)) return changes.drop();
  if (mapping.is_counted()) changes.count(mapping.record, {mapping.size(), 1});
}

template <class Change>
void change(Changes& changes, const MappedRange& range, Change&& change) {
  const bool is_done =
      mapping_table.change(range.begin, end_of(range), change,
                           [&](RecordId id, Counter live) { changes.count(id, live); });
  if (!is_done) changes.drop();
}

RecordId record_of_mapping(ThreadState& thread, const Registers& caller) {
  return record_of_stack(thread, {caller, kMmapDomain});
}

}  // namespace

void on_mapped(ThreadState& thread, const MappedRange& range, MappingKind kind,
               const Registers& caller) {
  const RecordId record = kind.is_anonymous ? record_of_mapping(thread, caller) : kNoRecord;
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    cut(changes, range.begin, end_of(range));
    if (kind.is_anonymous) {
      add(changes, {.begin = range.begin,
                    .end = end_of(range),
                    .record = record,
                    .state = kind.is_touchable ? MappingState::counted : MappingState::reserved,
                    .is_shared = kind.is_shared});
    }
  }
  thread.announcement.leave();
}

void on_made_touchable(ThreadState& thread, const MappedRange& range, const Registers& caller) {
  Mapping any;
  if (!mapping_table.first_in(range.begin, end_of(range), any)) return;
  const RecordId record = record_of_mapping(thread, caller);
  if (record == kNoRecord || !thread.announcement.enter()) return;
  {
    Changes changes(thread);
    change(changes, range, [&](Mapping& piece) {
      if (piece.state == MappingState::counted) return;
      piece.state = MappingState::counted;
      piece.record = record;
    });
  }
  thread.announcement.leave();
}

void on_made_untouchable(ThreadState& thread, const MappedRange& range) {
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    change(changes, range, [](Mapping& piece) { piece.state = MappingState::reserved; });
  }
  thread.announcement.leave();
}

void on_given_back(ThreadState& thread, const MappedRange& range, bool of_shared) {
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    change(changes, range, [&](Mapping& piece) {
      if (piece.is_shared == of_shared) piece.state = MappingState::reserved;
    });
  }
  thread.announcement.leave();
}

void begin_unmap(ThreadState& thread, const MappedRange& range) {
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    change(changes, range, [](Mapping& piece) { piece.is_leaving = true; });
  }
  thread.announcement.leave();
}

void end_unmap(ThreadState& thread, const MappedRange& range, bool is_done) {
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    const auto restore = [&](RecordId id, Counter live) { changes.restore(id, live); };
    if (is_done) {
      const auto is_leaving = [](const Mapping& piece) { return piece.is_leaving; };
      mapping_table.erase_if(range.begin, end_of(range), is_leaving, restore);
    } else {
      const auto stay = [](Mapping& piece) { piece.is_leaving = false; };
      mapping_table.change(range.begin, end_of(range), stay, restore);
    }
  }
  thread.announcement.leave();
}

namespace {

// Puts pieces, in their order, where they are now: neighbours of one kind are one mapping.
class MovedPieces {
 public:
  MovedPieces(Changes& changes, RecordId record, std::uintptr_t end)
      : changes_(changes), record_(record), end_(end) {}

  void put(std::uintptr_t begin, const Mapping& piece) {
    const std::uintptr_t end = std::min(begin + static_cast<std::size_t>(piece.size()), end_);
    if (begin >= end) return;
    const bool continues = run_.end == begin && run_.state == piece.state;
    if (!continues) {
      flush();
      run_.begin = begin;
      run_.state = piece.state;
      run_.is_shared = piece.is_shared;
    }
    run_.end = end;
  }
  // The mapping is longer than it was: as its end was.
  void grow() {
    if (run_.end != run_.begin) run_.end = end_;
  }
  void flush() {
    run_.record = record_;
    add(changes_, run_);
  }

 private:
  Changes& changes_;
  RecordId record_;
  std::uintptr_t end_;
  Mapping run_;
};

// The pieces leave where they were, or stay there, empty.
void move_pieces(Changes& changes, const Remapping& remapping, RecordId record) {
  const std::uintptr_t old_end = end_of(remapping.from), end = end_of(remapping.to);
  const bool is_in_place = remapping.from.begin == remapping.to.begin;
  // What the moved pieces take the place of.
  cut(changes, is_in_place ? old_end : remapping.to.begin, end);
  MovedPieces moved(changes, record, end);
  const auto count = [&](RecordId id, Counter live) { changes.count(id, live); };
  Mapping piece;
  for (std::uintptr_t at = remapping.from.begin; mapping_table.first_in(at, old_end, piece);
       at = piece.end) {
    if (!piece.is_leaving) continue;
    mapping_table.cut(piece.begin, piece.end, count);
    moved.put(remapping.to.begin + (piece.begin - remapping.from.begin), piece);
    if (!remapping.stays) continue;
    piece.is_leaving = false;
    piece.state = MappingState::reserved;
    mapping_table.add(piece);
  }
  moved.grow();
  moved.flush();
}

}  // namespace

void on_remapped(ThreadState& thread, const Remapping& remapping, const Registers& caller) {
  const RecordId record = record_of_mapping(thread, caller);
  if (!thread.announcement.enter()) return;
  {
    Changes changes(thread);
    move_pieces(changes, remapping, record);
  }
  thread.announcement.leave();
}

}  // namespace memtrace::runtime
