// Sizes, durations, signals and suggestions.
#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <string>

#include "base/suggestion.hpp"
#include "cli/arguments.hpp"
#include "mtrace/error.hpp"

namespace memtrace::test {
namespace {

TEST_CASE("sizes as people write them") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("1048576") == 1048576);
  CHECK(parse_size("50KiB") == 51200);
  CHECK(parse_size("50k") == 51200);
  CHECK(parse_size("5M") == 5 << 20);
  CHECK(parse_size("1.5 GiB") == 1610612736);
  CHECK(parse_size("10kB") == 10000);
  CHECK(parse_size("4611686018427387905") == 4611686018427387905);
  for (const char* const wrong :
       {"", "x", "-1", "5Q", "1e30", "nan", "inf", "KiB", "9223372036854775808"}) {
    CHECK_THROWS_AS_MESSAGE(parse_size(wrong), Error, wrong);
  }
}

TEST_CASE("durations as people write them") {
  const auto milliseconds = [](std::string_view text) { return parse_duration(text).count(); };
  CHECK(milliseconds("90") == 90000);
  CHECK(milliseconds("500ms") == 500);
  CHECK(milliseconds("0.5s") == 500);
  CHECK(milliseconds(".5") == 500);
  CHECK(milliseconds("1.5 min") == 90000);
  CHECK(milliseconds("5m") == 300000);
  CHECK(milliseconds("2h") == 7200000);
  CHECK(milliseconds("1d") == 86400000);
  for (const char* const wrong : {"", "0", "0.0001s", "-1s", "ms", "5x", "1e3", "nan", "inf", "1 2",
                                  "999999999999999999999d"}) {
    CHECK_THROWS_AS_MESSAGE(parse_duration(wrong), Error, wrong);
  }
}

TEST_CASE("signals as people write them") {
  for (const char* const name : {"USR2", "SIGUSR2", "usr2", "12"}) {
    CHECK_MESSAGE(parse_signal(name) == SIGUSR2, name);
  }
  for (const char* const wrong : {"", "0", "9", "KILL", "STOP", "1000", "USR3", "12x"}) {
    CHECK_THROWS_AS_MESSAGE(parse_signal(wrong), Error, wrong);
  }
}

TEST_CASE("did you mean") {
  const std::array<std::string, 3> words = {"top", "diff", "convert"};
  CHECK(nearest("tpo", words) == "top");
  CHECK(nearest("dif", words) == "diff");
  CHECK(nearest("covnert", words) == "convert");
  CHECK(nearest("conv", words) == "convert");
  CHECK(nearest("convex", words) == "convert");
  CHECK(nearest("snapshot", words) == "");
  CHECK(nearest("", words) == "");
  const std::array<std::string, 3> options = {"--group-by", "--strip-prefix",
                                              "--strip-template-args"};
  CHECK(nearest("--group", options) == "--group-by");
  CHECK(nearest("--grop", options) == "--group-by");
  CHECK(nearest("--strip", options) == "");
}

}  // namespace
}  // namespace memtrace::test
