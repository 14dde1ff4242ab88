// What a snapshot is told beside what is traced: how much work was done, and labels.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/counters/snapshot_data.hpp"

namespace memtrace::runtime {

// A few names, each with a value, ascending by name.
class Labels {
 public:
  static constexpr std::size_t kMost = 32;

  // "NAME=VALUE", in which a percent sign and two hexadecimal digits stand for a byte. In place of
  // an earlier one of that name. false where it is none, or there is no room.
  bool set(std::string_view text);
  [[nodiscard]] std::span<const Label> items() const { return {labels_.data(), count_}; }

  Labels() = default;
  ~Labels() = default;
  Labels(const Labels& other) { *this = other; }
  Labels& operator=(const Labels& other);

 private:
  std::string_view decode(std::string_view text);

  std::array<Label, kMost> labels_{};
  std::size_t count_ = 0;
  std::array<char, 8192> text_{};
  std::size_t size_ = 0;
};

// Units of work that this process has done. Adding takes one atomic instruction.
class Work {
 public:
  void add(std::uint64_t units) {
    done_.fetch_add(units, std::memory_order_relaxed);
    if (!is_told_.load(std::memory_order_relaxed)) is_told_.store(true, std::memory_order_relaxed);
  }
  void set(std::uint64_t units) {
    done_.store(units, std::memory_order_relaxed);
    is_told_.store(true, std::memory_order_relaxed);
  }
  // In the child of a fork, which has done none.
  void forget() {
    done_.store(0, std::memory_order_relaxed);
    is_told_.store(false, std::memory_order_relaxed);
  }
  // -1: nobody has said. What outgrows 63 bits is not known.
  [[nodiscard]] std::int64_t done() const {
    const std::uint64_t units = done_.load(std::memory_order_relaxed);
    const bool is_known = is_told_.load(std::memory_order_relaxed) && units <= INT64_MAX;
    return is_known ? static_cast<std::int64_t>(units) : -1;
  }

 private:
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> is_told_{false};
};
extern constinit Work work;

}  // namespace memtrace::runtime
