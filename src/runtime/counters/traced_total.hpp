// How much is traced now, how much it was at most, and which peak that was.
//
// Each thread adds to a share of its own. While there is one thread, its share is exact and the
// peak is the true one. With more, a share is folded into the sum when it passes kSlack bytes, so
// that `current`, and with it the moment of the peak, are off by less than threads * kSlack.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <span>

#include "runtime/counters/snapshot_data.hpp"
#include "runtime/os/lock.hpp"

namespace memtrace::runtime {

inline constexpr std::int64_t kSlack = 64 * 1024;  // bytes

// Alone in its cache line: threads write it while the hooks of others look at what lies near by.
struct alignas(64) TracedTotal {
  std::atomic<std::int64_t> current{0};  // what has been folded
  std::atomic<std::int64_t> peak{0};
  // Changes with every new peak: records that were last touched in another epoch hold what they
  // held at the peak.
  std::atomic<std::uint64_t> epoch{1};
};
[[gnu::visibility("hidden")]] extern constinit TracedTotal traced_total;

class TracedShare {
 public:
  void add(std::int64_t change) {
    delta_ += change;
    if (delta_ > high_) [[unlikely]] {
      if (alone_) {
        high_ = delta_;
        const auto epoch = traced_total.epoch.load(std::memory_order_relaxed);
        traced_total.epoch.store(epoch + 1, std::memory_order_relaxed);
      } else {
        fold();
      }
    } else if (delta_ < low_) [[unlikely]] {
      fold();
    }
  }

  // Adds the share to the sum. By its thread, or by whoever holds the gate.
  void fold();
  // Whether this is the only share that changes. The gate must be held, all shares be folded.
  void set_alone(bool alone);
  // After the sum or the peak has been set anew, with the gate held and the share folded.
  void refresh();
  // What has not been folded.
  [[nodiscard]] std::int64_t delta() const { return delta_; }

 private:
  std::int64_t delta_ = 0;
  std::int64_t high_ = kSlack;  // alone: where the delta makes a new peak
  std::int64_t low_ = -kSlack;
  bool alone_ = false;
};

// How much was traced over time: a bounded number of points, however long the program runs.

// When its room is full, every other point is forgotten and the distance between points doubles.
class Timeline {
 public:
  static constexpr std::size_t kMostPoints = 2048;

  // Adds a point if one is due. `now` is coarse_time(). Leaves at once where another thread adds.
  void tick(std::int64_t now, std::int64_t traced);
  // Points are copied to `points`, oldest first; returns how many: none where the thread that adds
  // one is stopped.
  std::size_t copy(std::span<TracedPoint> points);
  void clear();
  Lock& lock() { return lock_; }

 private:
  static constexpr std::int64_t kFirstDistance = 10'000'000;  // nanoseconds

  void thin_out();

  Lock lock_{LockRank::timeline};
  std::atomic<std::int64_t> due_{0};
  std::int64_t distance_ = kFirstDistance;
  std::size_t size_ = 0;
  std::array<TracedPoint, kMostPoints> points_{};
};
extern constinit Timeline timeline;

}  // namespace memtrace::runtime
