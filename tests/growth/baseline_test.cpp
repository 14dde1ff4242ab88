// The rolling baseline of the growth reporter, and its lines of JSON; and a program without a
// tracer.
#include <doctest/doctest.h>

#include <string>

#include "growth/reporter.hpp"
#include "mtrace/error.hpp"
#include "mtrace/growth.hpp"

namespace memtrace::test {
namespace {

const LineName kLeak{"app.cpp", 12, "leak", "/bin/app"}, kCache{"app.cpp", 40, "cache", {}};

// "LINE +DIFF =SIZE xWINDOWS tSECONDS" for each line that grew.
std::string grown(GrowthBaseline& baseline, const LineAmounts& now, double seconds) {
  std::string text;
  for (const GrownLine& line : baseline.add(now, seconds)) {
    text += std::to_string(line.lineno) + " +" + std::to_string(line.size_diff) + " =" +
            std::to_string(line.size) + " x" + std::to_string(line.windows) + " t" +
            std::to_string(static_cast<int>(line.seconds)) + "\n";
  }
  return text;
}

TEST_CASE("the first window is the baseline, and what grows beyond the threshold is reported") {
  GrowthBaseline baseline(100);
  CHECK(grown(baseline, {{kLeak, {1000, 10}}}, 0).empty());
  CHECK(grown(baseline, {{kLeak, {1100, 11}}}, 10).empty());
  CHECK(grown(baseline, {{kLeak, {1101, 12}}}, 20) == "12 +101 =1101 x2 t20\n");
}

TEST_CASE("slow growth adds up, and says in how many windows") {
  GrowthBaseline baseline(100);
  std::string all;
  for (int i = 0; i <= 6; ++i) all += grown(baseline, {{kLeak, {1000 + 40 * i, 1}}}, 10.0 * i);
  CHECK(all == "12 +120 =1120 x3 t30\n12 +120 =1240 x6 t30\n");
}

TEST_CASE("a line that shrinks is measured from there, and its row of windows ends") {
  GrowthBaseline baseline(100);
  CHECK(grown(baseline, {{kLeak, {1000, 1}}}, 0).empty());
  CHECK(grown(baseline, {{kLeak, {1090, 1}}}, 10).empty());
  CHECK(grown(baseline, {{kLeak, {500, 1}}}, 20).empty());
  CHECK(grown(baseline, {{kLeak, {601, 1}}}, 30) == "12 +101 =601 x1 t10\n");
}

TEST_CASE("a new line grows from nothing, and one that is gone is new again") {
  GrowthBaseline baseline(100);
  CHECK(grown(baseline, {}, 0).empty());
  CHECK(grown(baseline, {{kCache, {300, 3}}}, 10) == "40 +300 =300 x1 t10\n");
  CHECK(grown(baseline, {}, 20).empty());
  CHECK(grown(baseline, {{kCache, {300, 3}}}, 30) == "40 +300 =300 x1 t10\n");
}

TEST_CASE("the biggest growth comes first") {
  GrowthBaseline baseline(0);
  CHECK(grown(baseline, {}, 0).empty());
  CHECK(grown(baseline, {{kLeak, {5, 1}}, {kCache, {7, 1}}}, 10) ==
        "40 +7 =7 x1 t10\n12 +5 =5 x1 t10\n");
}

TEST_CASE("a line of JSON") {
  GrownLine line{"a \"b\"\n\xff.py", 3, "", "", 10, 2, 5, 1, 4, 1.5};
  const std::string text = json_line(line, std::chrono::system_clock::from_time_t(1'700'000'000));
  CHECK(
      text.starts_with(R"({"schema": "mtrace.growth/1", "time": "2023-11-14T22:13:20Z", "pid": )"));
  CHECK(text.ends_with(
      R"(, "filename": "a \"b\"\u000a\udcff.py", "lineno": 3, "function": null, "module": null, )"
      R"("size": 10, "size_diff": 5, "count": 2, "count_diff": 1, "windows": 4, "seconds": 1.500})"
      "\n"));
  line.filename.clear();
  CHECK(json_line(line, {}).find(R"("filename": null, "lineno": null)") != std::string::npos);
}

TEST_CASE("without a tracer, nothing is measured") {
  CHECK_THROWS_WITH_AS(growth(),
                       "the program has no tracer: link libmtrace_rt, or run it under 'mtrace run'",
                       Error);
  CHECK_THROWS_AS(report_growth({}), Error);
  GrowthOptions options;
  options.every = 0;
  CHECK_THROWS_AS(report_growth(options), Error);
  CHECK_THROWS_AS(ByteSize("many"), Error);
  CHECK(ByteSize("1.5 KiB").bytes() == 1536);
}

}  // namespace
}  // namespace memtrace::test
