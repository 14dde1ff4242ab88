#include "runtime/tracer/sampled_events.hpp"

#include "runtime/container/keyed_hash.hpp"
#include "runtime/os/floating_point.hpp"
#include "runtime/os/system_call.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/stack_records.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

constinit SampledBlocks sampled_blocks;
constinit std::atomic<std::uint64_t> sampling_rate{0};

namespace {

std::uint64_t rate_now() {
  return sampling_rate.load(std::memory_order_relaxed);
}
std::uint64_t epoch_now() {
  return traced_total.epoch.load(std::memory_order_relaxed);
}
void add_sample(ThreadState& thread, const SampledBlock& block) {
  Record* const record = thread.records.find_or_add(block.record);
  VarianceRecord* const variances = thread.variances.find_or_add(block.record);
  if (record == nullptr || variances == nullptr) return note_no_memory();
  const Variance variance = sampling_variance(block.size, rate_now());
  record->touch(epoch_now());
  variances->touch(epoch_now());
  record->live += block.weight;
  record->total += block.weight;
  variances->live += variance;
  variances->total += variance;
  thread.traced.add(block.weight.size);
}

void subtract_sample(ThreadState& thread, const SampledBlock& block) {
  const OwnFloatingPoint own;
  Record* const record = thread.records.find_or_add(block.record);
  VarianceRecord* const variances = thread.variances.find_or_add(block.record);
  if (record == nullptr || variances == nullptr) return note_no_memory();
  record->touch(epoch_now());
  variances->touch(epoch_now());
  record->live = record->live - block.weight;
  variances->live = variances->live - sampling_variance(block.size, rate_now());
  thread.traced.add(-block.weight.size);
}

// Nobody can tell one from the other.
std::uint64_t new_seed(const void* owner) {
  return scatter(address_of(owner) ^ hash_keys[2],
                 static_cast<std::uint64_t>(real_time()) ^ hash_keys[3]);
}

}  // namespace

bool passes_distance(std::size_t size) {
  const std::uint64_t rate = rate_now();
  if (rate == 0) return false;
  std::int64_t left = local.distance.step + local.distance.beyond;
  if (local.sampler_rate != rate) {
    const OwnFloatingPoint own;
    Sampler sampler;
    sampler.seed(new_seed(&local));
    local.sampler_rate = rate;
    left = sampler.draw_distance(rate) - static_cast<std::int64_t>(size == 0 ? 1 : size);
  }
  local.distance.set(left);
  return left < 0;
}

void on_distance_passed(ThreadState& thread, void* pointer, std::size_t size,
                        const RecordSource& source) {
  const std::uint64_t rate = rate_now();
  if (rate == 0) return;
  const OwnFloatingPoint own;
  if (!thread.sampler.is_seeded()) thread.sampler.seed(new_seed(&thread));
  // What is left until the next sample does not depend on where in the block this one lay.
  local.distance.set(thread.sampler.draw_distance(rate));
  SampledBlock block;
  block.record = source.record_of(thread, source.context);
  block.size = size;
  block.weight = thread.sampler.draw_weight(size, rate);
  if (block.record == kOwnRecord || !thread.announcement.enter()) return;
  SampledBlock previous;
  if (block.record != kNoRecord && sampled_blocks.put(address_of(pointer), block, previous)) {
    if (previous.record != kNoRecord) subtract_sample(thread, previous);
    add_sample(thread, block);
  } else {
    thread.losses.dropped_blocks += static_cast<std::uint64_t>(block.weight.count);
    note_no_memory();
  }
  thread.announcement.leave();
}

void on_distance_passed(ThreadState& thread, void* pointer, std::size_t size,
                        const Registers& caller) {
  const auto record_of = [](ThreadState& of, const void* registers) {
    return record_of_stack(of, {*static_cast<const Registers*>(registers), kNativeDomain});
  };
  on_distance_passed(thread, pointer, size, RecordSource{record_of, &caller});
}

void on_sampled_release(ThreadState& thread, void* pointer) {
  if (!thread.announcement.enter()) return;
  SampledBlock block;
  if (sampled_blocks.take(address_of(pointer), block)) subtract_sample(thread, block);
  thread.announcement.leave();
}

namespace {

// The same block, in another traceback, for which it counts as if it had come there.
void move_sample(ThreadState& thread, SampledBlock block, RecordId to) {
  const OwnFloatingPoint own;
  const Variance variance = sampling_variance(block.size, rate_now());
  Record* const record = thread.records.find_or_add(block.record);
  VarianceRecord* const variances = thread.variances.find_or_add(block.record);
  if (record == nullptr || variances == nullptr) return note_no_memory();
  subtract_sample(thread, block);
  record->total = record->total - block.weight;
  variances->total = variances->total - variance;
  block.record = to;
  add_sample(thread, block);
}

}  // namespace

// Whether one of its size is sampled was decided when it was allocated, and stays so: what each
// line holds is expected right. Lives that began so are not independent of each other: the total
// counts the last one of them only, or its errors would be larger than they say.
void on_sampled_reference(ThreadState& thread, std::uintptr_t address, const RecordSource& source) {
  SampledBlock block;
  if (!sampled_blocks.peek(address, block)) return;
  const RecordId record = local.untraced ? kNoRecord : source.record_of(thread, source.context);
  if (!thread.announcement.enter()) return;
  if (sampled_blocks.take(address, block)) {
    SampledBlock moved = block, previous;
    moved.record = record;
    const bool is_kept =
        record != kNoRecord && record != kOwnRecord && sampled_blocks.put(address, moved, previous);
    if (!is_kept) {
      subtract_sample(thread, block);
    } else if (record != block.record) {
      move_sample(thread, block, record);
    }
  }
  thread.announcement.leave();
}

MovingSample begin_sampled_move(ThreadState& thread, void* pointer) {
  if (!thread.announcement.enter()) return {};
  MovingSample moving{{}, tables.era.load(std::memory_order_relaxed)};
  sampled_blocks.take(address_of(pointer), moving.block);
  thread.announcement.leave();
  return moving;
}

void end_sampled_move(ThreadState& thread, const MovingSample& moving) {
  if (moving.block.record == kNoRecord || !thread.announcement.enter()) return;
  if (moving.era == tables.era.load(std::memory_order_relaxed)) {
    subtract_sample(thread, moving.block);
  }
  thread.announcement.leave();
}

void cancel_sampled_move(ThreadState& thread, const MovingSample& moving, void* pointer) {
  if (moving.block.record == kNoRecord || !thread.announcement.enter()) return;
  SampledBlock previous;
  if (moving.era == tables.era.load(std::memory_order_relaxed)) {
    sampled_blocks.put(address_of(pointer), moving.block, previous);
  }
  thread.announcement.leave();
}

}  // namespace memtrace::runtime
