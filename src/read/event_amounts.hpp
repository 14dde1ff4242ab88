// What a list of allocations and frees comes to: how much of each traceback is alive in the end,
// was alive at the highest moment, and was allocated at all.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "mtrace/error.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

// The highest moment costs an event no more than a comparison: each new height begins an epoch, and
// a record that is touched for the first time in an epoch saves what it held when the epoch began.
class EventAmounts {
 public:
  // Numbers count up from 0.
  std::uint32_t add_record() {
    if (records_.size() == std::numeric_limits<std::uint32_t>::max()) {
      throw Error("more than 4294967295 tracebacks");
    }
    records_.emplace_back();
    return static_cast<std::uint32_t>(records_.size() - 1);
  }

  // False where sizes add up to 2^63 bytes or more. `size` is below 2^63.
  [[nodiscard]] bool allocate(std::uint32_t record, std::int64_t size) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(total_, size, &sum)) return false;
    total_ = sum;
    Record& touched = touch(record);
    touched.live.size += size;
    ++touched.live.count;
    touched.total.size += size;
    ++touched.total.count;
    live_ += size;
    if (live_ > peak_) {
      peak_ = live_;
      ++epoch_;
    }
    return true;
  }

  // False where the record has no such block.
  [[nodiscard]] bool free(std::uint32_t record, std::int64_t size) {
    Record& touched = touch(record);
    if (touched.live.count == 0 || touched.live.size < size) return false;
    touched.live.size -= size;
    --touched.live.count;
    live_ -= size;
    return true;
  }

  [[nodiscard]] Amount amount(std::uint32_t record, Metric metric) const {
    const Record& found = records_[record];
    if (metric == Metric::total) return found.total;
    if (metric == Metric::live || found.epoch != epoch_) return found.live;
    return found.peak;
  }
  [[nodiscard]] std::int64_t live() const { return live_; }
  [[nodiscard]] std::int64_t peak() const { return peak_; }
  void prefetch(std::uint32_t record) const { __builtin_prefetch(&records_[record]); }

 private:
  struct Record {
    Amount live, total;
    Amount peak;              // when `epoch` began
    std::uint64_t epoch = 0;  // in which it was touched last
  };

  Record& touch(std::uint32_t record) {
    Record& touched = records_[record];
    if (touched.epoch != epoch_) {
      touched.peak = touched.live;
      touched.epoch = epoch_;
    }
    return touched;
  }

  std::vector<Record> records_;
  std::int64_t live_ = 0, peak_ = 0, total_ = 0;
  std::uint64_t epoch_ = 1;
};

}  // namespace memtrace
