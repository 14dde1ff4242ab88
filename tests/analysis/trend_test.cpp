// Many snapshots to one report: groups are matched, whatever their ids are; what grows comes first.
#include "mtrace/trend.hpp"

#include <doctest/doctest.h>

#include <string>

#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

// A leak of one block a snapshot, a line that is only there in the middle, one that shrinks, and
// most of the memory at a line that stays. The order of rows, and so of ids, differs.
Snapshot snapshot_number(std::size_t i) {
  const auto row = [](std::size_t size, std::size_t count, std::string_view frames) {
    return "0 " + std::to_string(size) + " " + std::to_string(count) + " " + std::string(frames) +
           "\n";
  };
  const std::string leak = row(40'000 + 4096 * i, 10 + i, "main.py:1 leak.py:7");
  const std::string stays = row(2'000'000, 5, "main.py:2 cache.py:3");
  const std::string shrinks = row(900'000 - 20'000 * i, 90 - 2 * i, "main.py:2 pool.py:4");
  std::string text = i % 2 == 0 ? leak + stays : stays + leak;
  if (i == 5) text += row(77, 1, "main.py:9 once.py:1");
  text += shrinks;
  Snapshot snapshot = snapshot_of(text);
  snapshot.metadata.created = 1'000'000'000'000 + static_cast<std::int64_t>(i) * 1'800'000'000'000;
  return snapshot;
}

TrendReport trend_of(const Selection& selection = {}, const TrendOptions& options = {},
                     const TrendRanking& ranking = {}) {
  return trend(20, snapshot_number, selection, options, ranking);
}

std::string name_of_group(const TrendReport& report, const StatisticTrend& statistic) {
  if (report.selection().group_by == GroupBy::domain) {
    return "domain " + std::to_string(report.domain(statistic.group).number);
  }
  std::string name;
  for (const FrameView& frame : report.traceback(statistic.group)) {
    if (!name.empty()) name += " ";
    name += *frame.filename;
    if (frame.lineno != 0) name += ":" + std::to_string(frame.lineno);
  }
  return name;
}

std::string names_of(const TrendReport& report) {
  std::string names;
  for (const StatisticTrend& statistic : report.statistics) {
    names += name_of_group(report, statistic) + " " +
             std::string(name_of(statistic.judgement.verdict)) + "\n";
  }
  return names;
}

TEST_CASE("what grows comes first, what shrinks last") {
  const TrendReport report = trend_of();
  CHECK(names_of(report) ==
        "leak.py:7 growing\ncache.py:3 flat\nonce.py:1 flat\npool.py:4 shrinking\n");
  CHECK(report.verdict == Verdict::growing);
  CHECK(report.groups() == 4);
  CHECK(report.rest_groups == 0);
  CHECK(report.verdicts == std::array<std::uint64_t, 5>{1, 0, 2, 1, 0});
  const StatisticTrend& leak = report.statistics[0];
  CHECK(leak.judgement.slope.value == 4096);
  CHECK(leak.judgement.count_slope == 1);
  CHECK(leak.series.size.front() == 40'000);
  CHECK(leak.series.count.back() == 29);
  const Series& once = report.statistics[2].series;
  CHECK(once.size[5] == 77);
  CHECK(once.size[4] + once.size[6] == 0);
}

TEST_CASE("groups add up to the total in each snapshot, by whatever they are grouped") {
  for (const GroupBy group_by : kGroupBys) {
    const TrendReport report = trend_of({.group_by = group_by});
    for (std::size_t i = 0; i < 20; ++i) {
      Amount sum;
      for (const StatisticTrend& statistic : report.statistics) {
        sum.size += statistic.series.size[i];
        sum.count += statistic.series.count[i];
      }
      CHECK(sum.size == report.total.size[i]);
      CHECK(sum.count == report.total.count[i]);
    }
  }
  CHECK(names_of(trend_of({.group_by = GroupBy::filename, .include = {Pattern("*/leak.py")}})) ==
        "");
  CHECK(names_of(trend_of({.group_by = GroupBy::traceback, .include = {Pattern("leak.py")}})) ==
        "main.py:1 leak.py:7 growing\n");
  CHECK(names_of(trend_of({.group_by = GroupBy::domain})) == "domain 0 shrinking\n");
}

TEST_CASE("a group is the same in every grouping as in top") {
  const Selection selection{.cumulative = true};
  const TrendReport report = trend_of(selection);
  const Snapshot last = snapshot_number(19);
  const TopReport top_of_last = top(last, selection);
  for (const Statistic& statistic : top_of_last.statistics) {
    const FrameView frame = top_of_last.traceback(statistic.group).front();
    const std::string name = std::string(*frame.filename) + ":" + std::to_string(frame.lineno);
    bool is_found = false;
    for (const StatisticTrend& trend : report.statistics) {
      if (name_of_group(report, trend) != name) continue;
      is_found = true;
      CHECK(trend.series.size.back() == statistic.amount.size);
    }
    CHECK(is_found);
  }
}

TEST_CASE("growth by the hour and by work") {
  CHECK(trend_of({}, {.unit = TrendUnit::hour}).statistics[0].judgement.slope.value ==
        doctest::Approx(2 * 4096));
  TrendOptions options{.unit = TrendUnit::work};
  CHECK_THROWS_AS(trend_of({}, options), Error);
  for (int i = 0; i < 20; ++i) options.work.push_back(100 + 512 * i);
  CHECK(trend_of({}, options).statistics[0].judgement.slope.value == doctest::Approx(8));
  options.work.assign(20, 7);
  CHECK_THROWS_AS(trend_of({}, options), Error);
  options.work.back() = 6;
  CHECK_THROWS_AS(trend_of({}, options), Error);
}

TEST_CASE("few of many, and what is always small is left out") {
  const TrendReport report = trend_of({}, {}, {.limit = 1, .min_size = 1000});
  CHECK(names_of(report) == "leak.py:7 growing\n");
  CHECK(report.rest_groups == 3);
  CHECK(trend_of({}, {}, {.min_size = 1000}).statistics.size() == 3);
}

TEST_CASE("the oldest snapshot's error is reported") {
  const auto read = [](std::size_t i) {
    if (i >= 3) throw Error("snapshot " + std::to_string(i));
    return snapshot_number(i);
  };
  CHECK_THROWS_AS(trend(20, read, {}), Error);
  CHECK_THROWS_AS(trend(2, snapshot_number, {}), Error);
  // A filter that matches nothing in any of them is told once.
  CHECK(trend_of({.include = {Pattern("once.py")}}).unmatched().empty());
  CHECK(trend_of({.include = {Pattern("never.py")}}).unmatched().size() == 1);
}

}  // namespace
}  // namespace memtrace::test
