#include "runtime/counters/traced_total.hpp"

#include <algorithm>

#include "runtime/os/system_call.hpp"

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

constinit Timeline timeline;

void Timeline::tick(std::int64_t now, std::int64_t traced) {
  if (now < due_.load(std::memory_order_relaxed) || !lock_.try_lock()) return;
  if (size_ == kMostPoints) thin_out();
  const std::int64_t latest = size_ == 0 ? 0 : points_[size_ - 1].time;
  points_[size_++] = {std::max(real_time(), latest), traced};
  due_.store(now + distance_, std::memory_order_relaxed);
  lock_.unlock();
}

void Timeline::thin_out() {
  for (std::size_t point = 0; point < kMostPoints / 2; ++point) points_[point] = points_[point * 2];
  size_ = kMostPoints / 2;
  distance_ *= 2;
}

std::size_t Timeline::copy(std::span<TracedPoint> points) {
  constexpr std::int64_t kPatience = 100 * kMillisecond;
  if (!lock_.lock_until(monotonic_time() + kPatience)) return 0;
  const std::size_t count = std::min(size_, points.size());
  std::copy_n(points_.begin(), count, points.begin());
  lock_.unlock();
  return count;
}

void Timeline::clear() {
  const Locked locked(lock_);
  size_ = 0;
  distance_ = kFirstDistance;
  due_.store(0, std::memory_order_relaxed);
}

}  // namespace memtrace::runtime
