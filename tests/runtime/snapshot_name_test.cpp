// Names of snapshots, and what MTRACE says.
#include "runtime/snapshot/written_series.hpp"

#include <doctest/doctest.h>

#include <string>

#include "runtime/control/start_options.hpp"

namespace memtrace::test {
namespace {

using runtime::SnapshotName;
using runtime::StartOptions;

struct Names {
  std::string newest, earlier;
};

Names names(const char* pattern, bool is_first = true) {
  const SnapshotName name(pattern, "server", 42, is_first);
  runtime::PathBuffer newest, earlier;
  name.write(newest, 7);
  name.write_earlier(earlier, 7);
  return {newest.c_str(), earlier.c_str()};
}

TEST_CASE("patterns") {
  CHECK(names("a.zst").newest == "a.zst");
  CHECK(names("a.zst").earlier == "a.7.zst");
  CHECK(names("a").earlier == "a.7");
  CHECK(names("a.zst", false).newest == "a.42.zst");
  CHECK(names("a.zst", false).earlier == "a.42.7.zst");
  CHECK(names("/x/%e.%p.zst", false).newest == "/x/server.42.zst");
  CHECK(names("/x/%e.%p.zst", false).earlier == "/x/server.42.7.zst");
  CHECK(names("%n-%%n-%x-%", false).newest == "0007-%n-%x-%.42");
  CHECK(names("%n.zst").earlier == "0007.zst");
  CHECK(names("%%n.zst").earlier == "%n.7.zst");
}

TEST_CASE("numbers in a pattern sort as they count") {
  const SnapshotName name("night.%n.zst", "server", 42, true);
  std::string last;
  for (const unsigned number : {1U, 2U, 9U, 10U, 99U, 100U, 999U, 1000U, 9999U}) {
    runtime::PathBuffer path;
    name.write(path, number);
    CHECK(last < path.c_str());
    last = path.c_str();
  }
  CHECK(last == "night.9999.zst");
  runtime::PathBuffer path;
  name.write(path, 10000);
  CHECK(path.text() == "night.10000.zst");
}

TEST_CASE("MTRACE") {
  StartOptions options;
  CHECK(parse_start_options("25", options));
  CHECK(options.settings.frames == 25);
  CHECK(options.output.empty());
  StartOptions all;
  CHECK(
      parse_start_options("7,interval=300,keep=3,signal=12,exit=no,sample=4096,follow-fork,mmap,"
                          "run=5/6,report=/proc/1/fd/3,output=/a,b=c",
                          all));
  CHECK(all.settings.frames == 7);
  CHECK(all.settings.sampling_rate == 4096);
  CHECK(all.settings.mmap);
  CHECK(all.interval == 300'000'000'000);
  CHECK(all.keep == 3);
  CHECK(all.signal == 12);
  CHECK_FALSE(all.at_exit);
  CHECK(all.follow_fork);
  CHECK(all.by_run);
  CHECK(all.first_process == 5);
  CHECK(all.snapshots_so_far == 6);
  CHECK(all.report == "/proc/1/fd/3");
  CHECK(all.output == "/a,b=c");
  for (const char* const wrong :
       {"0", "1025", "1x", "no", "25,interval=", "25,signal=99", "25,output=", "-1"}) {
    StartOptions ignored;
    CHECK_FALSE_MESSAGE(parse_start_options(wrong, ignored), wrong);
  }
}

TEST_CASE("MTRACE's interval") {
  const auto interval_of = [](std::string text) {
    StartOptions options;
    text = "25,interval=" + text;
    return parse_start_options(text, options) ? options.interval : -1;
  };
  constexpr std::int64_t kSecond = 1'000'000'000;
  CHECK(interval_of("1") == kSecond);
  CHECK(interval_of("90s") == 90 * kSecond);
  CHECK(interval_of("500ms") == kSecond / 2);
  CHECK(interval_of("0.5s") == kSecond / 2);
  CHECK(interval_of("0.25") == kSecond / 4);
  CHECK(interval_of("1.5ms") == kSecond / 1000 * 3 / 2);
  CHECK(interval_of("1.5m") == 90 * kSecond);
  CHECK(interval_of("10m") == 600 * kSecond);
  CHECK(interval_of("2h") == 7200 * kSecond);
  CHECK(interval_of("1d") == 86400 * kSecond);
  CHECK(interval_of("3000000000") == 3'000'000'000 * kSecond);
  for (const char* const wrong : {"", "0", "-1", "1x", "ms", ".", "s", "1.2.3", "10000000000",
                                  "99999999999999999999", "40000d"}) {
    CHECK_MESSAGE(interval_of(wrong) == -1, wrong);
  }
}

TEST_CASE("MTRACE for a program that is executed") {
  const runtime::StartValue value =
      runtime::start_value_for("32,mmap,run=0/0,report=/x,output=/a,run=b", 12, 3);
  std::string written(runtime::size_of(value), '\0');
  written.resize(
      static_cast<std::size_t>(write_start_value(value, written.data()) - written.data()));
  CHECK(written == "32,mmap,run=12/3,report=/x,output=/a,run=b");
}

}  // namespace
}  // namespace memtrace::test
