// A hash whose keys an adversary does not know: equal 64-bit values stand for equal inputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/golden_ratio.hpp"

namespace memtrace::runtime {

// Filled with random words by prepare_hash_keys(), before tracing starts.
inline constexpr std::size_t kHashKeys = 64;
alignas(64) extern constinit std::array<std::uint64_t, kHashKeys> hash_keys;
void prepare_hash_keys();

__extension__ typedef unsigned __int128 DoubleWord;

inline std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  const DoubleWord product = DoubleWord{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Sums products of keyed pairs of words: pairs do not wait for each other. At most kHashKeys words
// before the keys repeat, rotated by what came before.
class PairHash {
 public:
  // The keys, where they are not at hand: in another library.
  explicit PairHash(const std::uint64_t* keys = hash_keys.data()) : keys_(keys) {}

  void add(std::uint64_t first, std::uint64_t second) {
    sum_ += DoubleWord{first + keys_[key_]} * (second + keys_[key_ + 1]);
    key_ = (key_ + 2) % kHashKeys;
    if (key_ == 0) [[unlikely]]
      sum_ = fold(sum_);
  }
  [[nodiscard]] std::uint64_t finish() const { return fold(sum_); }

 private:
  [[nodiscard]] std::uint64_t fold(DoubleWord sum) const {
    return fold_product(static_cast<std::uint64_t>(sum) ^ keys_[0],
                        static_cast<std::uint64_t>(sum >> 64) ^ keys_[1]);
  }

  const std::uint64_t* keys_;
  DoubleWord sum_ = 0;
  std::size_t key_ = 0;
};

// For tables: not keyed against anybody, quick.
inline std::uint64_t scatter(std::uint64_t a, std::uint64_t b = 0) {
  constexpr std::uint64_t kOther = 0xD6E8FEB86659FD93;
  return fold_product(a ^ wire::kGoldenRatio, b ^ kOther);
}

}  // namespace memtrace::runtime
