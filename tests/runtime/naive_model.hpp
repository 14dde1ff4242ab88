// What the tracer should have counted: an ordinary map under a lock.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "runtime/counters/record_shard.hpp"

namespace memtrace::runtime {

inline constexpr std::size_t kSites = 6;
inline constexpr std::uint32_t kArenas = 3;  // domains of our own

struct ModelBlock {
  std::size_t group = 0;  // a site, or kSites + an arena
  std::int64_t size = 0;
};
inline constexpr std::size_t kGroups = kSites + kArenas;

struct Groups {
  std::array<Counter, kGroups> live{}, peak{}, total{};
};

inline bool operator==(const Counter& a, const Counter& b) {
  return a.size == b.size && a.count == b.count;
}

class Model {
 public:
  void add(std::uint32_t space, std::uintptr_t address, const ModelBlock& block) {
    const std::lock_guard locked(mutex_);
    change(space, address, &block);
  }
  void remove(std::uint32_t space, std::uintptr_t address) {
    const std::lock_guard locked(mutex_);
    change(space, address, nullptr);
  }
  // The address is free for others before the block is counted at its new one, in one step.
  ModelBlock begin_move(std::uintptr_t from) {
    const std::lock_guard locked(mutex_);
    const auto found = blocks_.find({0, from});
    REQUIRE(found != blocks_.end());
    const ModelBlock old = found->second;
    blocks_.erase(found);
    return old;
  }
  void end_move(const ModelBlock& old, std::uintptr_t to, const ModelBlock& block) {
    const std::lock_guard locked(mutex_);
    blocks_[{0, to}] = block;
    groups_.live[old.group] += {-old.size, -1};
    count(block);
    current_ += block.size - old.size;
    raise();
  }
  [[nodiscard]] const Groups& groups() const { return groups_; }
  [[nodiscard]] std::int64_t current() const { return current_; }
  [[nodiscard]] std::int64_t peak() const { return peak_; }
  void reset_peak() {
    peak_ = current_;
    groups_.peak = groups_.live;
  }

 private:
  using Key = std::pair<std::uint32_t, std::uintptr_t>;

  void change(std::uint32_t space, std::uintptr_t address, const ModelBlock* block) {
    const auto found = blocks_.find({space, address});
    if (found != blocks_.end()) {
      groups_.live[found->second.group] += {-found->second.size, -1};
      current_ -= found->second.size;
      blocks_.erase(found);
    }
    if (block == nullptr) return;
    blocks_[{space, address}] = *block;
    count(*block);
    current_ += block->size;
    raise();
  }
  void count(const ModelBlock& block) {
    groups_.live[block.group] += {block.size, 1};
    groups_.total[block.group] += {block.size, 1};
  }
  void raise() {
    if (current_ <= peak_) return;
    peak_ = current_;
    groups_.peak = groups_.live;
  }

  std::mutex mutex_;
  std::map<Key, ModelBlock> blocks_;
  Groups groups_;
  std::int64_t current_ = 0, peak_ = 0;
};

}  // namespace memtrace::runtime
