// The tracer as a whole: switched on and off, held still, copied.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/gate/hook_mode.hpp"

namespace memtrace::runtime {

inline constexpr std::uint32_t kDefaultFrames = 32;

struct Settings {
  // Most of a traceback that are kept: up to kMostFrames of the machine's, kMostInterpretedFrames
  // of an interpreter's.
  std::uint32_t frames = kDefaultFrames;
  bool count_frames = false;        // an interpreter's are counted, too, where they are not kept
  std::uint64_t sampling_rate = 0;  // mean bytes between samples; 0: every block
  bool mmap = false;                // anonymous mappings too, as a domain of their own
  bool native = false;              // the machine's frames, too, between an interpreter's
};

// false where the kernel gives no memory. Where tracing is on already, nothing changes.
bool start_tracing(const Settings& settings);
// Forgets all that was traced.
void stop_tracing();
// The same without a lock, and for nothing: where what is there may be half changed, or is a copy
// that costs the kernel most where it is touched. The next start forgets it.
void abandon_tracing();
bool is_tracing();
// What hooks have to do then.
HookMode mode_of_tracing();
// Whether there is anything to take a snapshot of: tracing is on, or ended for want of memory.
bool has_traces();
Settings current_settings();

// The counters' owners stand still for as long as it takes to copy them; the copy is in memory of
// its own until release_snapshot_data(). false where nothing is traced or there is no memory.
// `blocks` also counts the live blocks by size, which takes longer: it looks at each of them.
class LiveBlocks;
bool take_snapshot_data(SnapshotData& data, LiveBlocks* blocks = nullptr);
void release_snapshot_data(SnapshotData& data);

struct TracedMemory {
  std::uint64_t current = 0;  // bytes
  std::uint64_t peak = 0;     // bytes
};
TracedMemory traced_memory();
void reset_peak();
// Forgets the blocks, not the tracing.
void clear_traces();
// Bytes of memory that the kernel has given the tracer for itself.
std::uint64_t tracer_memory();

// Where the tracer has no thread of its own: somebody wants attend() to be called, a signal
// handler, or, where `attention_due` is not kNever, the first event at which CLOCK_MONOTONIC_COARSE
// has passed it (checked every kEventsPerTick events of a thread). Any hook then calls it, at its
// very end. What it allocates is not traced.
[[gnu::visibility("hidden")]] extern std::atomic<bool> attention;
extern std::atomic<std::int64_t> attention_due;  // nanoseconds
inline constexpr std::int64_t kNever = INT64_MAX;
inline constexpr std::uint32_t kEventsPerTick = 1024;

// --- defined in control.cpp ---

void attend();
// Tracing has ended for want of memory, and there may never be more than now: the last snapshot.
// What it allocates is not traced.
void tracing_gave_up();

}  // namespace memtrace::runtime
