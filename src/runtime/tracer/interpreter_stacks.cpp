#include "runtime/tracer/interpreter_stacks.hpp"

#include <algorithm>

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
  bool all_kept = true;
  for (std::uint32_t i = 0; i < found.frames; ++i) {
    workspace_->locations[i] = location_of(from, workspace_->frames[i], all_kept);
    if (workspace_->locations[i] == IdIndex::kNotFound) return kNoRecord;
  }
  const RecordId record = tables.tracebacks.record_of_path({workspace_->locations, found.frames},
                                                           key_of(query, found, domain));
  // What holds a code that may end at any time, or was not walked exactly, is looked at anew each
  // time.
  const bool is_exact = found.frames == walked.frames && found.all == walked.all;
  if (record != kNoRecord && all_kept && is_exact) known_.put(walked.hash, record, 0);
  if (kept_.load(std::memory_order_relaxed) >= wish_at_) {
    wish_at_ *= 2;
    from.wish_release();
  }
  return record;
}

std::uint32_t InterpreterStacks::location_of(const FrontEnd& from, const InterpretedFrame& frame,
                                             bool& all_kept) {
  const std::uint64_t hash = scatter(frame.code, frame.instruction);
  KnownLocation& known = known_locations_[hash % known_locations_.size()];
  if (known.era == era_ && known.frame.code == frame.code &&
      known.frame.instruction == frame.instruction) {
    return known.location;
  }
  const bool is_kept = keep(from, frame.code);
  SourceDescription description;
  description.room = workspace_->text;
  from.describe(frame, description);
  const std::uint32_t location =
      tables.tracebacks.source_location(description.file, description.function, description.line);
  if (is_kept && location != IdIndex::kNotFound) known = {frame, era_, location};
  all_kept = all_kept && is_kept;
  return location;
}

bool InterpreterStacks::keep(const FrontEnd& from, std::uintptr_t code) {
  Kept kept;
  if (codes_.peek(code, kept)) return true;
  if (!from.keep(code)) return false;
  Kept previous;
  if (codes_.put(code, {true}, previous)) kept_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool InterpreterStacks::prepare_workspace() {
  if (workspace_ == nullptr) workspace_ = static_cast<Workspace*>(map_memory(sizeof(Workspace)));
  return workspace_ != nullptr;
}

std::size_t InterpreterStacks::release_codes(bool all, std::span<std::uintptr_t> codes) {
  const Locked locked(lock_);
  const FrontEnd* const from = front_end.load(std::memory_order_acquire);
  std::size_t count = 0;
  if (from == nullptr) return 0;
  codes_.for_each([&](std::uint64_t code, const Kept&) {
    if (count < codes.size() && (all || from->is_only_kept(code))) codes[count++] = code;
  });
  if (count > 0) {
    const ProgramHold hold;
    known_.clear();
  }
  for (const std::uintptr_t code : codes.first(count)) {
    Kept kept;
    codes_.take(code, kept);
  }
  const std::size_t kept = kept_.fetch_sub(count, std::memory_order_relaxed) - count;
  wish_at_ = kept + std::max(kFewCodes, kept / 2);
  if (count > 0) ++era_;
  return count;
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
