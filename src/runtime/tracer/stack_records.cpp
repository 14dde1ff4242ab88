#include "runtime/tracer/stack_records.hpp"

#include <algorithm>
#include <utility>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/events.hpp"

namespace memtrace::runtime {
namespace {

class Merge {
 public:
  Merge(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
        bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into)
      : machine_(machine), frames_(frames), is_evaluator_(is_evaluator), into_(into) {}

  std::uint32_t run() {
    for (std::uint32_t i = 0; i < machine_.frames.size(); ++i) {
      const std::uint32_t end = end_of_frames_that_run_in(i);
      if (end == next_) put({true, i});
      put_interpreted(end);
    }
    put_interpreted(static_cast<std::uint32_t>(frames_.size()));
    return count_;
  }

 private:
  // Of the frames that are left: behind the last one that this frame of the machine runs.
  [[nodiscard]] std::uint32_t end_of_frames_that_run_in(std::uint32_t machine_frame) const {
    if (next_ == frames_.size()) return next_;
    if (frames_[next_].call == 0 || machine_frame >= machine_.ends.size()) {
      return is_evaluator_(machine_.frames[machine_frame].pc) ? end_of_call(next_) : next_;
    }
    const std::uintptr_t end = machine_.ends[machine_frame];
    std::uintptr_t begin = machine_frame == 0 ? machine_.begin : machine_.ends[machine_frame - 1];
    // A signal's handler has a stack of its own, anywhere.
    if (begin > end) begin = 0;
    std::uint32_t found = next_;
    // What lies before it belongs to frames that could not be told: it is late already.
    for (std::uint32_t i = next_; i < frames_.size() && frames_[i].call < end; ++i) {
      if (frames_[i].call >= begin) found = i + 1;
    }
    return found;
  }

  [[nodiscard]] std::uint32_t end_of_call(std::uint32_t first) const {
    std::uint32_t end = first + 1;
    const std::uintptr_t call = frames_[first].call;
    while (call != 0 && end < frames_.size() && frames_[end].call == call) ++end;
    return end;
  }

  void put_interpreted(std::uint32_t end) {
    for (; next_ < end; ++next_) put({false, next_});
  }
  void put(const MergedFrame& frame) {
    if (count_ < into_.size()) into_[count_++] = frame;
  }

  MachineFrames machine_;
  std::span<const InterpretedFrame> frames_;
  bool (*is_evaluator_)(std::uintptr_t pc);
  std::span<MergedFrame> into_;
  std::uint32_t next_ = 0;  // of frames_
  std::uint32_t count_ = 0;
};

}  // namespace

std::span<const std::uintptr_t> find_frame_ends(std::span<const UnwoundFrame> frames,
                                                std::span<const ReadWord> words,
                                                std::span<std::uintptr_t> ends) {
  std::size_t found = 0;
  for (const ReadWord& word : words) {
    if (found + 1 >= frames.size() || found == ends.size()) break;
    if (word.value == frames[found + 1].pc) ends[found++] = word.address + sizeof(std::uintptr_t);
  }
  return ends.first(found);
}

std::uint32_t merge_frames(const MachineFrames& machine, std::span<const InterpretedFrame> frames,
                           bool (*is_evaluator)(std::uintptr_t pc), std::span<MergedFrame> into) {
  return Merge(machine, frames, is_evaluator, into).run();
}

constinit std::atomic<const FrontEnd*> front_end{nullptr};
constinit InterpreterStacks interpreter_stacks;

namespace {

// The hash of a stack that is made of both.
std::uint64_t hash_of_both(std::uint64_t interpreted, RecordId machine) {
  PairHash hash;
  hash.add(interpreted, machine);
  return hash.finish() | 1;
}

}  // namespace

void InterpreterStacks::configure(const Configuration& configuration) {
  sees_ends_.store(configuration.sees_ends, std::memory_order_relaxed);
  with_machine_.store(configuration.with_machine, std::memory_order_relaxed);
  frames_.store(configuration.limit << 1 | (configuration.count_all ? 1U : 0U),
                std::memory_order_relaxed);
  choose_recall();
}

bool InterpreterStacks::set_front_end(const FrontEnd& from) {
  const FrontEnd* present = nullptr;
  if (!front_end.compare_exchange_strong(present, &from, std::memory_order_acq_rel)) {
    return present == &from;
  }
  choose_recall();
  return true;
}

// Whoever comes last sees what both have set.
void InterpreterStacks::choose_recall() {
  const Locked locked(lock_);
  const FrontEnd* const from = front_end.load(std::memory_order_acquire);
  const bool is_enough = from != nullptr && !with_machine_.load(std::memory_order_relaxed);
  recall_.store(is_enough ? from->recall : nullptr, std::memory_order_release);
}

StackQuery InterpreterStacks::query_of(std::uint32_t domain, bool holds_lock) const {
  const std::uint32_t frames = frames_.load(std::memory_order_relaxed);
  return {.hash_keys = hash_keys.data(),
          .salt = salt_of(domain),
          .limit = frames >> 1,
          .count_all = (frames & 1) != 0,
          .holds_lock = holds_lock};
}

RecordId InterpreterStacks::look_up(ThreadState& thread, const FrontEnd& from, const StackKey& key,
                                    bool holds_lock) {
  StackQuery query = query_of(key.domain, holds_lock);
  const RecentKey recent_key = key_of(key.domain);
  query.recent = thread.recent_stacks;
  FoundStack found;
  if (!from.walk(query, found)) return kNoRecord;
  const RecordId known = find(thread, found.hash);
  if (found.recent != nullptr) {
    found.recent->key = recent_key;
    found.recent->record = known;
  }
  return known != kNoRecord ? known : add(thread, from, query, found, key);
}

RecordId InterpreterStacks::look_up_with_machine(ThreadState& thread, const FrontEnd& from,
                                                 const StackKey& key, bool holds_lock) {
  StackQuery query = query_of(key.domain, holds_lock);
  query.with_calls = true;
  FoundStack found;
  if (!from.walk(query, found)) return kNoRecord;
  const RecordId machine = record_of_machine_stack(thread, {key.registers, kNoDomain});
  found.hash = hash_of_both(found.hash, machine);
  const RecordId known = find(thread, found.hash);
  return known != kNoRecord ? known : add(thread, from, query, found, key);
}

RecordId InterpreterStacks::record_of(ThreadState& thread, const StackKey& key, bool holds_lock) {
  const FrontEnd* const from = front_end.load(std::memory_order_acquire);
  if (from == nullptr) return kNoRecord;
  return with_machine_.load(std::memory_order_relaxed)
             ? look_up_with_machine(thread, *from, key, holds_lock)
             : look_up(thread, *from, key, holds_lock);
}

// What is known is forgotten with the gate held.
RecordId InterpreterStacks::find(ThreadState& thread, std::uint64_t hash) const {
  if (!thread.announcement.enter()) return kNoRecord;
  const RecordId known = known_.find(hash);
  thread.announcement.leave();
  return known;
}

RecordId InterpreterStacks::record_without_frames(std::uint32_t domain) {
  return tables.tracebacks.record_of_path({}, {.domain = domain & 0x7FFFFFFF}, nullptr);
}

RecordId InterpreterStacks::add(ThreadState& thread, const FrontEnd& from, const StackQuery& query,
                                const FoundStack& walked, const StackKey& key) {
  const Locked locked(lock_);
  const RecordId meanwhile = known_.find(walked.hash);
  if (meanwhile != kNoRecord) return meanwhile;
  if (!prepare_workspace()) return kNoRecord;
  const FoundStack found = from.collect(query, workspace_->frames);
  const LocatedStack path = query.with_calls
                                ? locate_merged(thread, from, found, query, key.registers)
                                : locate(from, found);
  if (path.frames == IdIndex::kNotFound) return kNoRecord;
  const bool can_be_own = key.domain == kPythonDomain || key.domain == kNativeDomain;
  const RecordId record =
      can_be_own && found.frames > 0 && from.is_own(workspace_->frames[0], workspace_->text)
          ? kOwnRecord
          : tables.tracebacks.record_of_path(
                {workspace_->locations, path.frames - path.known.depth},
                {.node = path.known.node,
                 .domain = key.domain & 0x7FFFFFFF,
                 .truncated = path.all > path.frames ? 1U : 0U,
                 .all_frames = query.count_all ? path.all : 0},
                workspace_->nodes);
  // As in location_of().
  if (record == kNoRecord || is_gate_stopped() || !sees_ends_.load(std::memory_order_relaxed))
    return record;
  if (!query.with_calls && record != kOwnRecord) {
    workspace_->paths.put({workspace_->frames, path.frames}, era_.load(std::memory_order_relaxed),
                          path.known, {workspace_->nodes, path.frames - path.known.depth});
  }
  // What was not walked exactly is looked at anew each time.
  if (found.frames == walked.frames && found.all == walked.all) known_.put(walked.hash, record, 0);
  return record;
}

InterpreterStacks::LocatedStack InterpreterStacks::locate(const FrontEnd& from,
                                                          const FoundStack& found) {
  const std::span<const InterpretedFrame> frames(workspace_->frames, found.frames);
  LocatedStack path{found.frames, found.all, {}};
  if (sees_ends_.load(std::memory_order_relaxed))
    path.known = workspace_->paths.begin_of(frames, era_.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < frames.size() - path.known.depth; ++i) {
    workspace_->locations[i] = location_of(from, frames[i]);
    if (workspace_->locations[i] == IdIndex::kNotFound) return {IdIndex::kNotFound, 0, {}};
  }
  return path;
}

// The machine's stack is unwound again, this time for where its frames lie.
InterpreterStacks::LocatedStack InterpreterStacks::locate_merged(ThreadState& thread,
                                                                 const FrontEnd& from,
                                                                 const FoundStack& found,
                                                                 const StackQuery& query,
                                                                 const Registers& start) {
  // One more tells where the last one ends.
  const std::uint32_t room = std::min(query.limit + 1, kMostFrames);
  const UnwindResult unwound =
      unwind(start, thread.stack.bounds, *thread.rows, {thread.frames, room}, workspace_->words);
  MachineFrames machine{{thread.frames, unwound.frames}, start.sp, {}};
  machine.ends =
      find_frame_ends(machine.frames, {workspace_->words, unwound.words}, workspace_->ends);
  machine.frames = machine.frames.first(std::min(unwound.frames, query.limit));
  const std::uint32_t merged = merge_frames(machine, {workspace_->frames, found.frames},
                                            from.is_evaluator, workspace_->merged);
  const std::uint32_t frames = std::min(merged, query.limit);
  for (std::uint32_t i = 0; i < frames; ++i) {
    const MergedFrame& frame = workspace_->merged[i];
    workspace_->locations[i] = frame.is_machine
                                   ? tables.tracebacks.machine_location(machine.frames[frame.index])
                                   : location_of(from, workspace_->frames[frame.index]);
    if (workspace_->locations[i] == IdIndex::kNotFound) return {IdIndex::kNotFound, 0, {}};
  }
  return {frames, merged + (found.all - found.frames) + (unwound.truncated ? 1U : 0U), {}};
}

std::uint32_t InterpreterStacks::location_of(const FrontEnd& from, const InterpretedFrame& frame) {
  const std::uint64_t hash = scatter(frame.code, frame.instruction);
  LocationOfInstruction& known = known_locations_[hash % known_locations_.size()];
  const std::uint32_t era = era_.load(std::memory_order_relaxed);
  if (known.era == era && known.frame.code == frame.code &&
      known.frame.instruction == frame.instruction) {
    return known.location;
  }
  // After the end of tracing nobody sees codes end.
  const bool remember = sees_ends_.load(std::memory_order_relaxed) && !is_gate_stopped();
  if (remember) watch(frame.code);
  SourceDescription description;
  description.room = workspace_->text;
  if (remember) description.era = era;
  from.describe(frame, description);
  const std::uint32_t location =
      tables.tracebacks.source_location(description.file, description.function, description.line);
  if (remember && location != IdIndex::kNotFound) known = {frame, era, location};
  return location;
}

// It is noticed when its block ends: by whoever frees a block that is not in the shadow map.
void InterpreterStacks::watch(std::uintptr_t code) {
  Watched watched;
  if (codes_.peek(code, watched)) return;
  codes_.put(code, {true}, watched);
  if (!local.state->announcement.enter()) return;
  const Block block = tables.shadow.take(code);
  Block previous;
  if (block.record != kNoRecord) tables.blocks.put(code, block, previous);
  local.state->announcement.leave();
}

bool InterpreterStacks::prepare_workspace() {
  if (workspace_ == nullptr) workspace_ = static_cast<Workspace*>(map_memory(sizeof(Workspace)));
  return workspace_ != nullptr;
}

bool InterpreterStacks::retire(const HookedAllocator& allocator, void* block) {
  Watched watched;
  if (!codes_.take(reinterpret_cast<std::uintptr_t>(block), watched)) return false;
  RetiredBlocks full;
  {
    const Locked locked(lock_);
    retired_.add({&allocator, block});
    if (!retired_.is_full()) return true;
    forget_stacks();
    std::swap(full, retired_);
  }
  full.free_all();
  return true;
}

// Under the lock.
void InterpreterStacks::forget_stacks() {
  const ProgramHold hold;
  known_.clear();
  era_.fetch_add(1, std::memory_order_relaxed);
}

void InterpreterStacks::forget_codes() {
  const Locked locked(lock_);
  codes_.clear();
  forget_stacks();
}

void InterpreterStacks::free_retired() {
  RetiredBlocks ended;
  {
    const Locked locked(lock_);
    std::swap(ended, retired_);
  }
  ended.free_all();
}

void InterpreterStacks::RetiredBlocks::free_all() {
  for (const Retired& retired : std::span(blocks_.data(), count_)) {
    retired.allocator->inner.release(retired.allocator->inner.context, retired.block);
  }
  count_ = 0;
}

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
