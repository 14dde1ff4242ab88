// The objects of a pickle that no other one has taken yet.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "read/byte_stream.hpp"
#include "read/pickle_value.hpp"

namespace memtrace {

// A stack with marks in it: what is below the innermost mark is out of reach.
class PickleStack {
 public:
  // `stream` is for the offsets in errors.
  explicit PickleStack(const ByteStream& stream) : stream_(stream) { values_.reserve(4096); }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] bool has_marks() const { return marks_ != 0; }

  void push(PickleValue value) {
    if (values_.size() == limit_) raise_limit();
    values_.push_back(value);
  }
  void push_mark();
  // Returns how many values are above it.
  std::size_t pop_mark();

  // Throws Error unless so many values are above the innermost mark. The rest is for what is known
  // to be there.
  void require(std::size_t values) const;
  [[nodiscard]] PickleValue back() const { return values_.back(); }
  PickleValue pop() {
    const PickleValue value = values_.back();
    values_.pop_back();
    return value;
  }
  [[nodiscard]] std::span<const PickleValue> top(std::size_t values) const {
    return std::span(values_).last(values);
  }
  void drop(std::size_t values) { values_.resize(values_.size() - values); }

 private:
  // CPython cuts tracebacks at 65535 frames, and a dump has four marks open at most.
  static constexpr std::size_t kMaxMarks = 16;
  static constexpr std::size_t kMaxLooseValues = std::size_t{1} << 19;
  static constexpr std::size_t kMaxTraces = std::size_t{1} << 24;

  void raise_limit();

  const ByteStream& stream_;
  std::vector<PickleValue> values_;
  std::size_t limit_ = 2 * kMaxLooseValues;
  std::array<std::size_t, kMaxMarks> mark_{};  // sizes below each mark
  std::size_t marks_ = 0;
};

}  // namespace memtrace
