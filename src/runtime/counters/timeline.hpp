// How much was traced over time: a bounded number of points, however long the program runs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/os/lock.hpp"

namespace memtrace::runtime {

// When its room is full, every other point is forgotten and the distance between points doubles.
class Timeline {
 public:
  static constexpr std::size_t kMostPoints = 2048;

  // Adds a point if one is due. `now` is coarse_time(). Leaves at once where another thread adds.
  void tick(std::int64_t now, std::int64_t traced);
  // Points are copied to `points`, oldest first; returns how many: none where the thread that adds
  // one is stopped.
  std::size_t copy(std::span<TimelinePoint> points);
  void clear();
  Lock& lock() { return lock_; }

 private:
  static constexpr std::int64_t kFirstDistance = 10'000'000;  // nanoseconds

  void thin_out();

  Lock lock_{LockRank::timeline};
  std::atomic<std::int64_t> due_{0};
  std::int64_t distance_ = kFirstDistance;
  std::size_t size_ = 0;
  std::array<TimelinePoint, kMostPoints> points_{};
};
extern constinit Timeline timeline;

}  // namespace memtrace::runtime
