#include "render/quantity.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace memtrace {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

struct SizeCase {
  std::int64_t size;
  const char* plain;
  const char* negative;
};

// As Python 3.11 prints them.
constexpr SizeCase kSizes[] = {
    {0, "0 B", "+0 B"},
    {1, "1 B", "-1 B"},
    {99, "99 B", "-99 B"},
    {10239, "10239 B", "-10239 B"},
    {10240, "10.0 KiB", "-10.0 KiB"},
    {10291, "10.0 KiB", "-10.0 KiB"},
    {10292, "10.1 KiB", "-10.1 KiB"},
    {102348, "99.9 KiB", "-99.9 KiB"},
    {102349, "100.0 KiB", "-100.0 KiB"},
    {102399, "100.0 KiB", "-100.0 KiB"},
    {102400, "100 KiB", "-100 KiB"},
    {10485759, "10240 KiB", "-10240 KiB"},
    {10485760, "10.0 MiB", "-10.0 MiB"},
    {std::int64_t{10240} << 30, "10.0 TiB", "-10.0 TiB"},
    {kLargest, "8388608 TiB", "-8388608 TiB"},
};

TEST_CASE("sizes are tracemalloc's") {
  for (const SizeCase& test : kSizes) {
    CAPTURE(test.size);
    CHECK(tracemalloc_size(test.size) == test.plain);
    CHECK(tracemalloc_size(-test.size, Sign::always) == test.negative);
  }
  CHECK(tracemalloc_size(std::int64_t{5}, Sign::always) == "+5 B");
}

TEST_CASE("halves round to even, as Python does") {
  CHECK(tracemalloc_size(0.5) == "0 B");
  CHECK(tracemalloc_size(1.5) == "2 B");
  CHECK(tracemalloc_size(2.5) == "2 B");
  CHECK(tracemalloc_size(10239.5) == "10240 B");
  CHECK(tracemalloc_size(10240 + 256.0) == "10.2 KiB");
}

TEST_CASE("an average is rounded once, however large the numbers are") {
  CHECK(average_of({0, 0}) == 0);
  CHECK(average_of({7, 0}) == 0);
  CHECK(average_of({0, 7}) == 0);
  CHECK(average_of({100, 3}) == 100.0 / 3);
  CHECK(average_of({kLargest, 1}) == 9223372036854775807.0);
  CHECK(average_of({kLargest, kLargest}) == 1);
  // Converting both to doubles first would give a neighbour.
  CHECK(average_of({9007199254740993, 3}) == 0x1.5555555555556p+51);
  CHECK(average_of({1, kLargest}) == 0x1p-63);
}

TEST_CASE("rounding an average to bytes cannot overflow") {
  CHECK(rounded_average_of({0, 0}) == 0);
  CHECK(rounded_average_of({100, 3}) == 33);
  CHECK(rounded_average_of({101, 2}) == 51);
  CHECK(rounded_average_of({kLargest, 1}) == kLargest);
  CHECK(rounded_average_of({kLargest - 1, kLargest}) == 1);
}

TEST_CASE("sizes for people") {
  const Style style;
  CHECK(human_size(std::int64_t{1023}, style) == "1023 B");
  CHECK(human_size(std::int64_t{1024}, style) == "1.0 KiB");
  CHECK(human_size(std::int64_t{1048524}, style) == "1023.9 KiB");
  CHECK(human_size(std::int64_t{1048525}, style) == "1.0 MiB");
  CHECK(human_size(std::int64_t{-11324621}, style, Sign::always) == "-10.8 MiB");
  CHECK(human_size(std::int64_t{0}, style, Sign::always) == "+0 B");
  CHECK(human_size(kLargest, style) == "8.0 EiB");
  CHECK(human_size(std::numeric_limits<std::uint64_t>::max(), style) == "16.0 EiB");
}

TEST_CASE("plain bytes have no unit and no commas") {
  const Style style{.plain_bytes = true};
  CHECK(human_size(std::int64_t{1048576}, style) == "1048576");
  CHECK(human_size(std::int64_t{1048576}, style, Sign::always) == "+1048576");
  CHECK(human_size(std::int64_t{-5}, style) == "-5");
}

TEST_CASE("digits come in groups of three") {
  CHECK(grouped_digits(std::int64_t{0}) == "0");
  CHECK(grouped_digits(std::int64_t{999}) == "999");
  CHECK(grouped_digits(std::int64_t{1000}) == "1,000");
  CHECK(grouped_digits(std::int64_t{-1234567}) == "-1,234,567");
  CHECK(grouped_digits(std::int64_t{12}, Sign::always) == "+12");
  CHECK(grouped_digits(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
  CHECK(counted(1, "block", "blocks") == "1 block");
  CHECK(counted(3211, "block", "blocks") == "3,211 blocks");
}

TEST_CASE("shares") {
  CHECK(percent_of(118, 1000) == "11.8%");
  CHECK(percent_of(0, 0) == "0.0%");
  CHECK(percent_change(812, 920) == "+13.3%");
  CHECK(percent_change(200, 100) == "-50.0%");
  CHECK(percent_change(0, 100).empty());
}

}  // namespace
}  // namespace memtrace
