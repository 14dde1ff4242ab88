#include "runtime/tracer/tracer.hpp"

#include <algorithm>
#include <atomic>

#include "runtime/blocks/mapping_table.hpp"
#include "runtime/container/keyed_hash.hpp"
#include "runtime/counters/traced_total.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/os/memory.hpp"
#include "runtime/os/messages.hpp"
#include "runtime/os/own_mappings.hpp"
#include "runtime/stacks/stack_cache.hpp"
#include "runtime/tracer/events.hpp"
#include "runtime/tracer/mapping_events.hpp"
#include "runtime/tracer/sampled_events.hpp"
#include "runtime/tracer/stack_records.hpp"

namespace memtrace::runtime {

constinit std::atomic<bool> attention{false};
constinit std::atomic<std::int64_t> attention_due{kNever};
constinit TracerState tracer;

namespace {

constinit std::atomic<const TracerOwner*> tracer_owner{nullptr};

bool prepare_tables() {
  static constinit bool is_prepared = false;
  if (is_prepared) return true;
  prepare_hash_keys();
  prepare_gate();
  is_prepared = prepare_threads() && tables.tracebacks.prepare() && interpreter_stacks.prepare();
  if (!is_prepared) {
    tables.tracebacks.release();
    interpreter_stacks.release();
  }
  return is_prepared;
}

// With the program held. What follows the program's heap is given back, unless somebody who stands
// still in a section may go on there.
void forget_blocks() {
  tables.era.fetch_add(1, std::memory_order_relaxed);
  if (are_all_outside()) {
    tables.shadow.release_all();
  } else {
    tables.shadow.clear_all();
  }
  tables.blocks.clear();
  tables.tracked.clear();
  sampled_blocks.clear();
  mapping_table.clear();
}

void forget_everything() {
  forget_blocks();
  for_each_thread_state([](ThreadState& thread) {
    if (!thread.missing) thread.traced.fold();
    thread.records.clear();
    thread.variances.clear();
    thread.losses = {};
    thread.deferred.count = 0;
  });
  traced_total.current.store(0, std::memory_order_relaxed);
  traced_total.peak.store(0, std::memory_order_relaxed);
  for_each_thread_state([](ThreadState& thread) { thread.traced.refresh(); });
  timeline.clear();
}

}  // namespace

void set_tracer_owner(const TracerOwner& owner) {
  tracer_owner.store(&owner, std::memory_order_release);
}

void attend() {
  attention.store(false, std::memory_order_relaxed);
  const TracerOwner* const owner = tracer_owner.load(std::memory_order_acquire);
  if (owner != nullptr) owner->attend();
}

bool start_tracing(const Settings& settings) {
  const Locked locked(tracer.lock);
  if (!is_gate_stopped()) return true;
  if (!prepare_tables()) return false;
  if (tracer.gave_up.exchange(false, std::memory_order_relaxed) || tracer.is_abandoned) {
    const ProgramHold hold;
    forget_everything();
    tracer.is_abandoned = false;
  }
  tracer.settings = settings;
  tracer.settings.frames = std::clamp(settings.frames, 1U, kMostInterpretedFrames);
  tables.frame_limit.store(std::min(tracer.settings.frames, kMostFrames),
                           std::memory_order_relaxed);
  interpreter_stacks.configure({.limit = tracer.settings.frames,
                                .count_all = settings.count_frames,
                                .with_machine = settings.native,
                                .sees_ends = settings.sampling_rate == 0});
  tracer.started = real_time();
  stacks_may_be_cut_differently();
  sampling_rate.store(settings.sampling_rate, std::memory_order_relaxed);
  traces_mappings.store(settings.mmap, std::memory_order_relaxed);
  open_gate_for_tracing();
  set_hook_mode(mode_of_tracing());
  return true;
}

void stop_tracing() {
  const Locked locked(tracer.lock);
  const bool gave_up = tracer.gave_up.exchange(false, std::memory_order_relaxed);
  if (is_gate_stopped() && !gave_up) return;
  set_hook_mode(HookMode::off);
  {
    const ProgramHold hold;
    shut_gate_for_tracing();
    forget_everything();
  }
  interpreter_stacks.forget_codes();
}

void abandon_tracing() {
  tracer.is_abandoned = true;
  set_hook_mode(HookMode::off);
  shut_gate_for_tracing();
}

HookMode mode_of_tracing() {
  if (is_gate_stopped()) return HookMode::off;
  return tracer.settings.sampling_rate == 0 ? HookMode::exact : HookMode::sampling;
}

bool is_tracing() {
  return !is_gate_stopped();
}

bool has_traces() {
  return is_tracing() || tracer.gave_up.load(std::memory_order_relaxed);
}

// The counters are left to be looked at.
void give_up_tracing() {
  {
    const Locked locked(tracer.lock);
    if (is_gate_stopped()) return;
    set_hook_mode(HookMode::off);
    {
      const ProgramHold hold;
      shut_gate_for_tracing();
      if (hold.is_held()) {
        fold_shares();
        forget_blocks();
      }
    }
    interpreter_stacks.forget_codes();
    tracer.gave_up.store(true, std::memory_order_relaxed);
  }
  send_message(MessageKind::given_up, why_refused());
  const TracerOwner* const owner = tracer_owner.load(std::memory_order_acquire);
  if (owner != nullptr) owner->tracing_gave_up();
}

std::size_t memory_of_blocks() {
  return tables.shadow.mapped_memory() + tables.blocks.mapped_memory() +
         tables.tracked.mapped_memory() + sampled_blocks.mapped_memory();
}

Settings current_settings() {
  const Locked locked(tracer.lock);
  return tracer.settings;
}

TracedBytes traced_memory() {
  const ProgramHold hold;
  if (hold.is_held()) fold_shares();
  const std::int64_t current = traced_total.current.load(std::memory_order_relaxed);
  const std::int64_t peak = traced_total.peak.load(std::memory_order_relaxed);
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(current, 0)),
          static_cast<std::uint64_t>(std::max<std::int64_t>(peak, 0))};
}

void reset_peak() {
  const ProgramHold hold;
  if (!hold.is_held()) return;
  fold_shares();
  traced_total.peak.store(traced_total.current.load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
  traced_total.epoch.fetch_add(1, std::memory_order_relaxed);
  for_each_thread_state([](ThreadState& thread) { thread.traced.refresh(); });
}

void clear_traces() {
  const ProgramHold hold;
  if (hold.is_held()) forget_everything();
}

// Nobody stands still for it: it asks the kernel about many pages.
std::uint64_t tracer_memory() {
  return own_resident_memory();
}

namespace {

constinit std::atomic<bool> no_memory{false};

}  // namespace

void note_no_memory() {
  no_memory.store(true, std::memory_order_relaxed);
  attention.store(true, std::memory_order_relaxed);
}

bool has_no_memory() {
  return no_memory.exchange(false, std::memory_order_relaxed);
}

bool make_room(std::size_t size) {
  // A thread that is ending holds a lock as long as it is in the hook.
  const bool holds_lock = local.state != nullptr && local.state->shared;
  if (!is_tracing() || holds_lock || !is_in_the_way(size, memory_of_blocks())) return false;
  const Guarded guarded;
  give_up_tracing();
  return true;
}

}  // namespace memtrace::runtime
