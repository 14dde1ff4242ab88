// The tracer's own work, which is not traced.
#pragma once

#include "runtime/tracer/thread_state.hpp"
#include "runtime/tracer/tracer.hpp"

namespace memtrace::runtime {

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
