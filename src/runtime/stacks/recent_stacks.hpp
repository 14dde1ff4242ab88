// Stacks of an interpreter that a thread was in, where it may be again: a loop allocates in the
// same few, over and over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// What decides a stack's record beside its frames, and what makes it void. Passed in registers.
struct RecentKey {
  std::uint64_t salt = 0;
  std::uint32_t era = 0;

  friend bool operator==(const RecentKey&, const RecentKey&) = default;
};

struct RecentStack {
  static constexpr std::uint32_t kRoom = 60;

  RecentKey key;
  std::uint32_t record = 0;  // 0: nothing is remembered, or only that it was seen
  // By the front end: how many frames there are, and what tells them, whatever that is.
  std::uint32_t frames = 0;
  std::uint32_t all = 0;
  bool count_all = false;
  std::uint64_t words[kRoom] = {};
};
static_assert(sizeof(RecentStack) == 512);

// Looking there costs a comparison a frame where it is the same stack, and about one where it is
// another. Used by one thread; zeroed memory is empty.
class RecentStacks {
 public:
  static constexpr std::size_t kWays = 2;
  using Set = std::array<RecentStack, kWays>;

  // `hint` is whatever differs between stacks that are met in turn, and is quickly found.
  [[nodiscard]] const Set& set_of(std::uint64_t hint) const { return sets_[index_of(hint)]; }
  // Either way, in turn: two that take each other's place soon find one each.
  [[nodiscard]] RecentStack& replace(std::uint64_t hint) {
    return sets_[index_of(hint)][++replaced_ % kWays];
  }

 private:
  static constexpr unsigned kSetBits = 8;
  static std::size_t index_of(std::uint64_t hint) {
    return hint * wire::kGoldenRatio >> (64 - kSetBits);
  }

  std::array<Set, std::size_t{1} << kSetBits> sets_;
  std::size_t replaced_ = 0;
};

}  // namespace memtrace::runtime
