#include "mtrace/merge.hpp"

#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

TEST_CASE("equal tracebacks in equal domains add up") {
  Merger merger;
  merger.add(snapshot_of("0 10 1 a:1 b:2\n5 7 1 a:1"));
  merger.add(snapshot_of("5 70 1 a:1\n0 100 2 a:1 b:2\n0 1 1 c:3"));
  const Snapshot merged = merger.finish();
  validate(merged);
  Snapshot expected = snapshot_of("0 110 3 a:1 b:2\n5 77 2 a:1\n0 1 1 c:3");
  expected.metadata.merged = 2;
  CHECK(dump_of(merged) == dump_of(expected));
}

TEST_CASE("what all have in common stays") {
  Snapshot a = snapshot_of("0 1 1 a:1");
  a.metadata.program = "worker";
  a.metadata.pid = 1;
  a.metadata.current = 1;
  a.metadata.losses.dropped_blocks = 3;
  a.metadata.losses.missing_threads = 1;
  Snapshot b = a;
  b.metadata.pid = 2;
  Merger merger;
  merger.add(a);
  merger.add(b);
  const Metadata merged = merger.finish().metadata;
  CHECK(merged.program == "worker");
  CHECK_FALSE(merged.pid.has_value());
  CHECK(merged.current == 2);
  CHECK(merged.losses.dropped_blocks == 6);
  CHECK(merged.losses.missing_threads == 2);
  CHECK(merged.merged == 2);
}

TEST_CASE("a metric that one of them lacks is lost") {
  Merger merger;
  merger.add(snapshot_of("0 1,2,3 1,1,1 a:1"));
  merger.add(snapshot_of("0 1 1 a:1"));
  const Snapshot merged = merger.finish();
  CHECK(merged.rows[Metric::live].has_value());
  CHECK_FALSE(merged.rows[Metric::peak].has_value());
}

TEST_CASE("sums past 2^63 are an error") {
  Merger merger;
  merger.add(snapshot_of("0 9223372036854775807 1 a:1"));
  CHECK_THROWS_AS(merger.add(snapshot_of("0 1 1 b:1")), Error);
  CHECK_THROWS_AS(Merger().finish(), Error);
}

}  // namespace
}  // namespace memtrace::test
