#include "runtime/control/traced_process.hpp"

#include <atomic>

#include "runtime/os/process_identity.hpp"

namespace memtrace::runtime {
namespace {

constinit std::atomic<int> process{0};

}  // namespace

bool is_traced_process() {
  const int number = traced_process();
  return number != 0 && number == process_id();
}

void set_traced_process(bool traced) {
  process.store(traced ? process_id() : 0, std::memory_order_relaxed);
}

int traced_process() {
  return process.load(std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
