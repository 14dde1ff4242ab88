// Snapshots of different builds: which lines are followed, and what the reports say of it.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mtrace/report.hpp"
#include "mtrace/trend.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

std::string followed_name_of(const Report& report, GroupId group) {
  std::string name;
  for (const FrameView& frame : report.traceback(group)) {
    if (!name.empty()) name += ' ';
    name += std::string(frame.filename.value_or("?")) + ":" + std::to_string(frame.lineno);
    if (frame.moved_from != 0) name += "(was " + std::to_string(frame.moved_from) + ")";
  }
  return name;
}

// "NAME BEFORE>AFTER" a line, by location. Checks that nothing is lost.
std::string diff_text(const Snapshot& before, const Snapshot& after, Selection selection) {
  const DiffReport report = diff(before, after, selection, {.sort = DiffSort::location});
  std::string lines;
  std::int64_t size_before = 0, size_after = 0;
  for (const StatisticDiff& statistic : report.statistics) {
    lines += followed_name_of(report, statistic.group) + " " +
             std::to_string(statistic.before.size) + ">" + std::to_string(statistic.after.size) +
             "\n";
    size_before += statistic.before.size;
    size_after += statistic.after.size;
  }
  if (!selection.cumulative) {
    CHECK(size_before == report.total_before.size);
    CHECK(size_after == report.total_after.size);
  }
  return lines;
}

std::string diff_text(std::string_view before, std::string_view after, Selection selection) {
  return diff_text(snapshot_of(before), snapshot_of(after), std::move(selection));
}

constexpr Selection followed(GroupBy group_by = GroupBy::lineno) {
  return {.group_by = group_by, .match = MatchBy::automatic};
}

constexpr std::string_view kOldBuild = R"(
  0 100 1 app.py:4@main app.py:10@load
  0 200 2 app.py:5@main app.py:20@save
  0 10  1 app.py:6@main app.py:30@drop
)";
// Three lines were put in between load() and save().
constexpr std::string_view kNewBuild = R"(
  0 150 1 app.py:4@main app.py:10@load
  0 240 2 app.py:5@main app.py:23@save
  0 5   1 app.py:7@main app.py:40@fresh
)";

TEST_CASE("by line, a line is its number") {
  CHECK(diff_text(kOldBuild, kNewBuild, {}) ==
        "app.py:10 100>150\napp.py:20 200>0\napp.py:23 0>240\napp.py:30 10>0\napp.py:40 0>5\n");
}

TEST_CASE("a line whose function stayed is followed, and says where it was") {
  CHECK(diff_text(kOldBuild, kNewBuild, followed()) ==
        "app.py:10 100>150\napp.py:23(was 20) 200>240\napp.py:30 10>0\napp.py:40 0>5\n");
  CHECK(diff_text(kOldBuild, kNewBuild, followed(GroupBy::traceback)) ==
        "app.py:4 app.py:10 100>150\napp.py:5 app.py:23(was 20) 200>240\n"
        "app.py:6 app.py:30 10>0\napp.py:7 app.py:40 0>5\n");
  const DiffReport report = diff(snapshot_of(kOldBuild), snapshot_of(kNewBuild), followed());
  CHECK(report.moved_lines() == 1);
  CHECK(diff(snapshot_of(kOldBuild), snapshot_of(kNewBuild), {}).moved_lines() == 0);
}

TEST_CASE("other groups are what they are by line") {
  for (const GroupBy group_by : {GroupBy::filename, GroupBy::function, GroupBy::domain}) {
    Selection by_line{.group_by = group_by};
    CHECK(diff_text(kOldBuild, kNewBuild, followed(group_by)) ==
          diff_text(kOldBuild, kNewBuild, by_line));
  }
}

TEST_CASE("a line that was not found again is not another function's") {
  // gone() was at 12, where load() is now.
  CHECK(diff_text("0 1 1 a.py:10@load\n0 2 1 a.py:12@gone\n0 4 1 a.py:20@save",
                  "0 1 1 a.py:12@load\n0 4 1 a.py:22@save",
                  followed()) == "a.py:12(was 10) 1>1\na.py:12 2>0\na.py:22(was 20) 4>4\n");
}

TEST_CASE("by function, the lines of a function are one") {
  const Selection selection{.match = MatchBy::function};
  CHECK(diff_text("0 1 1 a.py:10@f\n0 2 1 a.py:12@f\n0 4 1 b.py:3@g",
                  "0 8 1 a.py:30@f\n0 16 1 a.py:29@f\n0 4 1 b.py:3@g",
                  selection) == "a.py:29 3>24\nb.py:3 4>4\n");
  CHECK(diff_text("0 1 1 a.py:10@f", "0 4 1 b.py:3@g", selection) == "a.py:10 1>0\nb.py:3 0>4\n");
}

TEST_CASE("without functions, and within one process, lines are their numbers") {
  CHECK(diff_text("0 1 1 a.py:10", "0 1 1 a.py:12", followed()) == "a.py:10 1>0\na.py:12 0>1\n");
  Snapshot before = snapshot_of("0 1 1 a.py:10@f"), after = snapshot_of("0 1 1 a.py:12@f");
  CHECK(diff_text(before, after, followed()) == "a.py:12(was 10) 1>1\n");
  for (Snapshot* const snapshot : {&before, &after}) {
    snapshot->metadata.pid = 7;
    snapshot->metadata.started = 1'700'000'000'000'000'000;
  }
  CHECK(diff_text(before, after, followed()) == "a.py:10 1>0\na.py:12 0>1\n");
  after.metadata.pid = 8;
  CHECK(diff_text(before, after, followed()) == "a.py:12(was 10) 1>1\n");
}

// One module with a build id, which all frames are of.
Snapshot built(std::string_view text, std::string build_id) {
  Snapshot snapshot = snapshot_of(text);
  const StringId name = snapshot.tracebacks.frames[FrameId{0}].filename;
  const ModuleId module = snapshot.tracebacks.modules.push_back({name, std::move(build_id)});
  for (Frame& frame : snapshot.tracebacks.frames) frame.module = module;
  return snapshot;
}

TEST_CASE("the same build has no moved lines, and another one's tracebacks are the same") {
  const std::string_view before = "0 1 1 a.c:3@main a.c:10@f", after = "0 1 1 a.c:3@main a.c:12@f";
  CHECK(diff_text(built(before, "1"), built(after, "1"), followed()) == "a.c:10 1>0\na.c:12 0>1\n");
  CHECK(diff_text(built(before, "1"), built(after, "2"), followed()) == "a.c:12(was 10) 1>1\n");
  CHECK(diff_text(built(before, "1"), built(before, "2"), followed(GroupBy::traceback)) ==
        "a.c:3 a.c:10 1>1\n");
}

TEST_CASE("instances of a template move together") {
  CHECK(diff_text("0 1 1 a.h:10@put<int>(int)", "0 1 1 a.h:12@put<char>(char)", followed()) ==
        "a.h:12(was 10) 1>1\n");
}

TEST_CASE("files that moved are followed by their mapped names") {
  Selection selection = followed();
  selection.map_prefixes = {PrefixMap("/v1=/v2")};
  CHECK(diff_text("0 1 1 /v1/a.py:10@f", "0 1 1 /v2/a.py:12@f", selection) ==
        "/v2/a.py:12(was 10) 1>1\n");
}

TEST_CASE("patterns see a line where it was followed to") {
  Selection selection = followed();
  selection.include = {Pattern("app.py:23")};
  CHECK(diff_text(kOldBuild, kNewBuild, selection) == "app.py:23(was 20) 200>240\n");
}

TEST_CASE("callers are followed, too") {
  Selection selection = followed();
  selection.cumulative = true;
  CHECK(diff_text("0 1 1 a.py:10@main a.py:30@f", "0 1 1 a.py:12@main a.py:32@f", selection) ==
        "a.py:12(was 10) 1>1\na.py:32(was 30) 1>1\n");
}

// --- whatever there is ---

// Sizes before and after by file: where its lines went changes nothing.
std::map<std::string, std::pair<std::int64_t, std::int64_t>> sums_by_file(const Snapshot& before,
                                                                          const Snapshot& after,
                                                                          Selection selection) {
  const DiffReport report = diff(before, after, std::move(selection));
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> sums;
  for (const StatisticDiff& statistic : report.statistics) {
    auto& [sum_before, sum_after] =
        sums[std::string(*report.traceback(statistic.group).back().filename)];
    sum_before += statistic.before.size;
    sum_after += statistic.after.size;
  }
  return sums;
}

std::string random_rows(std::mt19937& engine) {
  const auto below = [&](unsigned end) { return static_cast<unsigned>(engine() % end); };
  std::string rows;
  for (unsigned row = 1 + below(12); row > 0; --row) {
    rows += "0 " + std::to_string(1 + below(1000)) + " 1";
    for (unsigned frame = 1 + below(3); frame > 0; --frame) {
      const unsigned line = 1 + below(30);
      rows += " " + std::string(1, static_cast<char>('a' + below(2))) +
              ".py:" + std::to_string(line) + "@f" + std::to_string(line / 8);
    }
    rows += "\n";
  }
  return rows;
}

TEST_CASE("random snapshots: nothing is lost, and no memory changes its file") {
  std::mt19937 engine(3);
  for (int round = 0; round < 500; ++round) {
    const Snapshot before = snapshot_of(random_rows(engine)),
                   after = snapshot_of(random_rows(engine));
    for (const GroupBy group_by : {GroupBy::lineno, GroupBy::traceback}) {
      const auto by_line = sums_by_file(before, after, {.group_by = group_by});
      for (const MatchBy match : {MatchBy::automatic, MatchBy::function}) {
        CHECK(sums_by_file(before, after, {.group_by = group_by, .match = match}) == by_line);
      }
      // Compared with itself, nothing moves.
      CHECK(diff(before, before, followed(group_by)).moved_lines() == 0);
    }
  }
}

// --- series ---

std::string trend_text(const std::vector<std::string>& texts, Selection selection) {
  const TrendReport report = trend(
      texts.size(), [&](std::size_t i) { return snapshot_of(texts[i]); }, selection);
  std::string lines;
  for (const StatisticTrend& statistic : report.statistics) {
    lines += followed_name_of(report, statistic.group);
    for (const std::int64_t size : statistic.series.size) lines += " " + std::to_string(size);
    lines += "\n";
  }
  return lines;
}

TEST_CASE("a series over three builds") {
  const std::vector<std::string> series = {
      "0 1 1 a.py:10@f\n0 9 1 a.py:20@g", "0 2 1 a.py:10@f\n0 9 1 a.py:20@g",
      "0 3 1 a.py:15@f\n0 9 1 a.py:25@g", "0 4 1 a.py:15@f", "0 5 1 a.py:11@f\n0 9 1 a.py:21@g"};
  CHECK(trend_text(series, followed()) == "a.py:11(was 10) 1 2 3 4 5\na.py:21(was 20) 9 9 9 0 9\n");
  CHECK(trend_text(series, followed(GroupBy::traceback)) ==
        "a.py:11(was 10) 1 2 3 4 5\na.py:21(was 20) 9 9 9 0 9\n");
  CHECK(trend_text(series, {.match = MatchBy::function}) ==
        "a.py:11 1 2 3 4 5\na.py:21 9 9 9 0 9\n");
}

}  // namespace
}  // namespace memtrace::test
