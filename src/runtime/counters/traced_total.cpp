#include "runtime/counters/traced_total.hpp"

namespace memtrace::runtime {

alignas(64) constinit TracedTotal traced_total;

void TracedShare::fold() {
  const std::int64_t current =
      traced_total.current.fetch_add(delta_, std::memory_order_relaxed) + delta_;
  if (alone_) {
    // Each step beyond the peak has begun an epoch already.
    const std::int64_t reached = current - delta_ + high_;
    traced_total.peak.store(reached, std::memory_order_relaxed);
    high_ -= delta_;
    delta_ = 0;
    return;
  }
  delta_ = 0;
  std::int64_t peak = traced_total.peak.load(std::memory_order_relaxed);
  while (current > peak) {
    if (traced_total.peak.compare_exchange_weak(peak, current, std::memory_order_relaxed)) {
      traced_total.epoch.fetch_add(1, std::memory_order_relaxed);
      break;
    }
  }
}

void TracedShare::set_alone(bool alone) {
  fold();
  alone_ = alone;
  refresh();
}

void TracedShare::refresh() {
  high_ = alone_ ? traced_total.peak.load(std::memory_order_relaxed) -
                       traced_total.current.load(std::memory_order_relaxed)
                 : kSlack;
  low_ = alone_ ? std::numeric_limits<std::int64_t>::min() : -kSlack;
}

}  // namespace memtrace::runtime
