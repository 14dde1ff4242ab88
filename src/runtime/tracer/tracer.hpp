// The tracer as a whole: switched on and off, held still, copied.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/gate/gate.hpp"
#include "runtime/os/lock.hpp"
#include "runtime/tracer/thread_state.hpp"

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

struct TracedBytes {
  std::uint64_t current = 0;  // bytes
  std::uint64_t peak = 0;     // bytes
};
TracedBytes traced_memory();
void reset_peak();
// Forgets the blocks, not the tracing.
void clear_traces();
// Bytes of memory that the kernel has given the tracer for itself.
std::uint64_t tracer_memory();

// Where the tracer has no thread of its own: somebody wants attend() to be called, a signal
// handler, or, where `attention_due` is not kNever, the first event at which CLOCK_MONOTONIC_COARSE
// has passed it (checked every kEventsPerTick events of a thread). Any hook then calls it, at its
// very end.
[[gnu::visibility("hidden")]] extern std::atomic<bool> attention;
extern std::atomic<std::int64_t> attention_due;  // nanoseconds
inline constexpr std::int64_t kNever = INT64_MAX;
inline constexpr std::uint32_t kEventsPerTick = 1024;

void attend();

// What the tracer asks of whoever has it trace. What these allocate is not traced.
struct TracerOwner {
  void (*attend)();
  // Tracing has ended for want of memory, and there may never be more than now: the last snapshot.
  void (*tracing_gave_up)();
};
// `owner` must stay. Without one, nothing is asked.
void set_tracer_owner(const TracerOwner& owner);

// What there is once, beside the tables.
struct TracerState {
  Lock lock{LockRank::tracing};  // of starting and stopping; before the program is held
  Settings settings;
  bool is_abandoned = false;  // what was traced is still there
  std::int64_t started = 0;   // nanoseconds since the Unix epoch
  // Tracing has ended for want of memory; the counters are as they were then.
  std::atomic<bool> gave_up{false};
};
extern constinit TracerState tracer;

// What the tracer does where there is no memory for it: it ends, in words, and gives back what
// follows the program's heap. What it counted until then is still there for a last snapshot.

// A table has no room for what a hook brought: the hook gives up at its end.
void note_no_memory();
bool has_no_memory();

// Outside of the gate, without any of the tracer's locks. Where tracing is off, nothing happens.
void give_up_tracing();

// Bytes of address space that giving up gives back.
std::size_t memory_of_blocks();

// The program's own allocation of `size` bytes has failed. true where the tracer was in the way,
// and is not any more: then another attempt may succeed. Called from a hook that allocates, or from
// none. A program under no limit pays two system calls for each failure.
bool make_room(std::size_t size);

// The tracer's own work, which is not traced.

// Keeps hooks of this thread from tracing what the tracer's own work allocates.
class Guarded {
 public:
  Guarded() : was_(local.guard) { local.guard = true; }
  ~Guarded() {
    if (!was_ && attention.load(std::memory_order_relaxed)) attend();
    local.guard = was_;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

 private:
  bool was_;
};

}  // namespace memtrace::runtime
