// What there is once, beside the tables.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/os/lock.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

struct TracerState {
  Lock lock{LockRank::tracing};  // of starting and stopping; before the program is held
  Settings settings;
  bool is_abandoned = false;  // what was traced is still there
  std::int64_t started = 0;   // nanoseconds since the Unix epoch
  // Tracing has ended for want of memory; the counters are as they were then.
  std::atomic<bool> gave_up{false};
};
extern constinit TracerState tracer;

}  // namespace memtrace::runtime
