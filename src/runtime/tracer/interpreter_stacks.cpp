#include "runtime/tracer/interpreter_stacks.hpp"

#include <utility>

#include "runtime/container/keyed_hash.hpp"
#include "runtime/tracer/events.hpp"

namespace memtrace::runtime {

constinit std::atomic<const FrontEnd*> front_end{nullptr};
constinit InterpreterStacks interpreter_stacks;

namespace {

RecordKey key_of(const StackQuery& query, const FoundStack& found, std::uint32_t domain) {
  return {.node = 0,
          .domain = domain & 0x7FFFFFFF,
          .truncated = found.all > found.frames ? 1U : 0U,
          .all_frames = query.count_all ? found.all : 0};
}

}  // namespace

RecordId InterpreterStacks::record_of(ThreadState& thread, std::uint32_t domain, bool holds_lock) {
  const FrontEnd* const from = front_end.load(std::memory_order_acquire);
  if (from == nullptr) return kNoRecord;
  const std::uint32_t limit = limit_.load(std::memory_order_relaxed);
  const bool count_all = count_all_.load(std::memory_order_relaxed);
  const std::uint64_t salt = std::uint64_t{domain} << 32 | limit << 1 | (count_all ? 1U : 0U);
  const StackQuery query{hash_keys.data(), salt, limit, count_all, holds_lock};
  FoundStack found;
  if (!from->walk(query, found)) return kNoRecord;
  // What is known is forgotten with the gate held.
  if (!thread.announcement.enter()) return kNoRecord;
  const RecordId known = known_.find(found.hash);
  thread.announcement.leave();
  return known != kNoRecord ? known : add(*from, query, found, domain);
}

RecordId InterpreterStacks::record_without_frames(std::uint32_t domain) {
  return tables.tracebacks.record_of_path({}, key_of({}, {}, domain));
}

RecordId InterpreterStacks::add(const FrontEnd& from, const StackQuery& query,
                                const FoundStack& walked, std::uint32_t domain) {
  const Locked locked(lock_);
  const RecordId meanwhile = known_.find(walked.hash);
  if (meanwhile != kNoRecord) return meanwhile;
  if (!prepare_workspace()) return kNoRecord;
  const FoundStack found = from.collect(query, workspace_->frames);
  for (std::uint32_t i = 0; i < found.frames; ++i) {
    workspace_->locations[i] = location_of(from, workspace_->frames[i]);
    if (workspace_->locations[i] == IdIndex::kNotFound) return kNoRecord;
  }
  const RecordId record = tables.tracebacks.record_of_path({workspace_->locations, found.frames},
                                                           key_of(query, found, domain));
  // What was not walked exactly is looked at anew each time.
  // After the end of tracing nobody sees codes end.
  const bool is_exact =
      !is_gate_stopped() && found.frames == walked.frames && found.all == walked.all;
  if (record != kNoRecord && is_exact && sees_ends_.load(std::memory_order_relaxed))
    known_.put(walked.hash, record, 0);
  return record;
}

std::uint32_t InterpreterStacks::location_of(const FrontEnd& from, const InterpretedFrame& frame) {
  const std::uint64_t hash = scatter(frame.code, frame.instruction);
  KnownLocation& known = known_locations_[hash % known_locations_.size()];
  if (known.era == era_ && known.frame.code == frame.code &&
      known.frame.instruction == frame.instruction) {
    return known.location;
  }
  const bool remember = sees_ends_.load(std::memory_order_relaxed);
  if (remember) watch(frame.code);
  SourceDescription description;
  description.room = workspace_->text;
  from.describe(frame, description);
  const std::uint32_t location =
      tables.tracebacks.source_location(description.file, description.function, description.line);
  if (remember && location != IdIndex::kNotFound) known = {frame, era_, location};
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
  if (block.record != kNoRecord) tables.blocks.put(block_key(code, kNativeSpace), block, previous);
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
  ++era_;
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

std::size_t InterpreterStacks::used_memory() const {
  return known_.used_memory() + codes_.used_memory() + sizeof(*this);
}

void InterpreterStacks::lock_all() {
  lock_.lock();
  codes_.lock_all();
}

void InterpreterStacks::unlock_all() {
  codes_.unlock_all();
  lock_.unlock();
}

void InterpreterStacks::reset_locks() {
  codes_.reset_locks();
  lock_.reset();
}

}  // namespace memtrace::runtime
