// Estimates from samples: their variances go through the file, the analysis and every format.
#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "mtrace/merge.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"
#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

// Standard errors: a:1 has 3 bytes and 4 blocks in one domain, 4 bytes and 3 blocks in the other.
Snapshot estimate() {
  Snapshot snapshot = snapshot_of("0 100 10 a:1\n0 200 20 b:2\n1 50 5 a:1");
  Column& live = *snapshot.rows[Metric::live];
  live.size_variance = {9, 144, 16};
  live.count_variance = {16, 0.25, 9};
  snapshot.metadata.sampling_rate = 512;
  return snapshot;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("variances survive the file, whole and folded") {
  const TemporaryFolder folder;
  const Snapshot written = estimate();
  validate(written);
  write_snapshot(written, folder.file("a.zst"));
  CHECK(dump_of(read_snapshot(folder.file("a.zst"))) == dump_of(written));
  CHECK(has(dump_of(written), "live=200/20 variance=144/0.25"));

  const Snapshot folded = read_snapshot(folder.file("a.zst"), {.domains = false});
  const Column& live = *folded.rows[Metric::live];
  CHECK(live.size == std::vector<std::int64_t>{150, 200});
  CHECK(live.size_variance == std::vector<double>{25, 144});
  CHECK(live.count_variance == std::vector<double>{25, 0.25});
}

TEST_CASE("a group's variance is the sum of its rows'") {
  const Snapshot snapshot = estimate();
  const TopReport report = top(snapshot, {});
  REQUIRE(report.is_estimate());
  REQUIRE(report.statistics.size() == 2);
  CHECK(report.statistics[0].variance.size == 144);
  CHECK(report.statistics[1].variance.size == 25);
  CHECK(report.statistics[1].variance.count == 25);
  CHECK(report.total_variance.size == 169);
  Selection without_b;
  without_b.exclude = {Pattern("b")};
  const TopReport filtered = top(snapshot, without_b);
  CHECK(filtered.total_variance.size == 25);
  Selection every_frame;
  every_frame.cumulative = true;
  const TopReport cumulative = top(snapshot, every_frame);
  CHECK(cumulative.total_variance.size == 169);
}

TEST_CASE("a difference has both sides' variance; an exact side has none") {
  const DiffReport both = diff(estimate(), estimate(), {});
  CHECK(both.total_variance.size == 338);
  const DiffReport one = diff(snapshot_of("0 1 1 b:2"), estimate(), {});
  REQUIRE(one.is_estimate());
  CHECK(one.statistics[0].variance.size == 144);
  CHECK_FALSE(diff(snapshot_of("0 1 1 b:2"), snapshot_of("0 2 1 b:2"), {}).is_estimate());
}

TEST_CASE("merging adds variances, also to rows that were exact") {
  Merger merger;
  merger.add(snapshot_of("0 1 1 z:1\n0 10 1 a:1"));
  merger.add(estimate());
  const Snapshot merged = merger.finish();
  validate(merged);
  CHECK(has(dump_of(merged), "live=110/11 variance=9/16"));
  CHECK(has(dump_of(merged), "live=1/1 variance=0/0"));
}

TEST_CASE("every format shows one standard error") {
  const Snapshot snapshot = estimate();
  const TopReport report = top(snapshot, {});
  CHECK(has(rendered("table", report), "± one standard error"));
  CHECK(has(rendered("table", report), "200 B  ±12 B"));
  CHECK(has(rendered("markdown", report), "| 200 B ±12 B |"));
  CHECK(has(rendered("json", report), R"("standard_error": {"size": 12, "count": 0.5})"));
  CHECK(has(rendered("json", report), R"("standard_error": {"size": 13)"));
  CHECK(has(rendered("csv", report), "module,size_error,count_error\r\n"));
  CHECK(has(rendered("csv", report), ",12,0.5\r\n"));
  const DiffReport change = diff(snapshot_of("0 1 1 b:2"), snapshot, {});
  CHECK(has(rendered("table", change), "+199 B  ±12 B"));
  CHECK(has(rendered("json", change), R"("standard_error": {"size": 12)"));
  CHECK(has(rendered("csv", change), ",12,0.5\r\n"));
  const Snapshot exact = snapshot_of("0 1 1 b:2");
  const TopReport exact_report = top(exact, {});
  CHECK_FALSE(has(rendered("json", exact_report), "standard_error"));
  CHECK_FALSE(has(rendered("table", exact_report), "±"));
}

TEST_CASE("a snapshot whose variances are none is not valid") {
  Snapshot negative = estimate();
  negative.rows[Metric::live]->size_variance[0] = -1;
  CHECK_THROWS_AS(validate(negative), Error);
  Snapshot partial = estimate();
  partial.rows[Metric::live]->count_variance.pop_back();
  CHECK_THROWS_AS(validate(partial), Error);
}

}  // namespace
}  // namespace memtrace::test
