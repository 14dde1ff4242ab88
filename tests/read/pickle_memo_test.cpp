// The memo of a pickle, packed and not.
#include <doctest/doctest.h>

#include <functional>

#include "read/pickle_machine.hpp"

namespace memtrace::test {
namespace {

using Kind = PickleValue::Kind;

bool same(PickleValue a, PickleValue b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

// Far more values than are packed at once; each must come back, also while the memo grows.
void check_memo(const std::function<PickleValue(std::uint32_t)>& value) {
  constexpr std::uint32_t kSize = 50'000;
  PickleMemo memo;
  std::size_t different = 0;
  for (std::uint32_t i = 0; i < kSize; ++i) {
    memo.append(value(i));
    memo.prefetch(i / 2);
    different += same(memo[i], value(i)) && same(memo[i / 2], value(i / 2)) ? 0U : 1U;
  }
  for (std::uint32_t i = 0; i < kSize; ++i) different += same(memo[i], value(i)) ? 0U : 1U;
  CHECK(memo.size() == kSize);
  CHECK(different == 0);
}

TEST_CASE("traces of every width come back as they were") {
  for (const std::uint32_t max_row : {0U, 1U, 255U, 20'000U, PickleValue::kMaxTraceRow}) {
    for (const std::uint64_t max_size : {0U, 1U, 500U, 70'000U, 0xFFFFFFFFU}) {
      CAPTURE(max_row);
      CAPTURE(max_size);
      check_memo([&](std::uint32_t i) {
        return PickleValue::trace(i * 0x9E3779B9U % (max_row + 1), i * 0x85EBCA6BU % (max_size + 1),
                                  i % 3 == 0);
      });
    }
  }
}

TEST_CASE("one other value, or only others") {
  for (const std::uint32_t place : {0U, 1U, 16'383U, 16'384U, 32'767U, 49'999U}) {
    check_memo([&](std::uint32_t i) {
      return i == place ? PickleValue::of(Kind::traceback, NodeId{0xFFFFFFFE}, 25)
                        : PickleValue::trace(i, i, false);
    });
  }
  check_memo([](std::uint32_t i) { return PickleValue::of(Kind::traceback, NodeId{i}, i % 64); });
  check_memo([](std::uint32_t i) { return PickleValue::of(Kind::large_trace, i); });
}

}  // namespace
}  // namespace memtrace::test
