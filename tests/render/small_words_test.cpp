// Moments, and filters in the command line's words.
#include <doctest/doctest.h>

#include <limits>

#include "render/layout.hpp"
#include "render/quantity.hpp"

namespace memtrace {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST_CASE("moments are UTC and cut to the second") {
  CHECK(rfc3339(1'795'216'596 * kSecond + 999'999'999) == "2026-11-20T23:16:36Z");
  CHECK(rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59Z");
  CHECK(utc_time(951'782'400 * kSecond) == "2000-02-29 00:00:00 UTC");
}

TEST_CASE("every moment has a name") {
  CHECK(rfc3339(std::numeric_limits<std::int64_t>::max()) == "2262-04-11T23:47:16Z");
  CHECK(rfc3339(std::numeric_limits<std::int64_t>::min()) == "1677-09-21T00:12:43Z");
}

TEST_CASE("durations in the unit that fits") {
  CHECK(duration(0) == "0 ms");
  CHECK(duration(kSecond - 1) == "999 ms");
  CHECK(duration(42 * kSecond + 190'000'000) == "42.1 s");
  CHECK(duration(200 * kSecond) == "3 min 20 s");
  CHECK(duration(7500 * kSecond) == "2 h 5 min");
  CHECK(duration((12 * 24 + 3) * 3600 * kSecond) == "12 d 3 h");
}

TEST_CASE("a selection's filters are the options that make it") {
  CHECK(filters_of({}).empty());
  Selection selection;
  selection.include.emplace_back("*.py:3");
  selection.exclude.emplace_back("a");
  selection.exclude.emplace_back("b");
  selection.function.emplace_back("f*");
  selection.module.emplace_back("m");
  selection.all_frames = selection.mine = selection.raw_frames = true;
  selection.domain = "native";
  selection.hide.emplace_back("h");
  CHECK(filters_of(selection) ==
        std::vector<std::string>{"--include=*.py:3", "--exclude=a", "--exclude=b", "--function=f*",
                                 "--module=m", "--all-frames", "--domain=native", "--hide=h",
                                 "--mine", "--raw-frames"});
}

}  // namespace
}  // namespace memtrace
