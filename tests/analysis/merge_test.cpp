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

TEST_CASE("memory and work add up, labels stay where all have them, a control group is one") {
  Snapshot first = snapshot_of("0 1 1 a:1"), second = first, third = first;
  first.metadata.work = 10;
  second.metadata.work = 5;
  first.metadata.labels = {{"release", "1.7"}, {"role", "web"}};
  second.metadata.labels = {{"host", "x"}, {"release", "1.7"}, {"role", "db"}};
  first.metadata.memory.resident = 100;
  first.metadata.memory.swapped = 1;
  first.metadata.memory.cgroup_use = 500;
  first.metadata.memory.cgroup_limit = 1000;
  first.metadata.memory.held = 60;
  first.metadata.memory.allocator = "glibc";
  second.metadata.memory.resident = 50;
  second.metadata.memory.cgroup_use = 400;
  second.metadata.memory.cgroup_limit = 1000;
  second.metadata.memory.held = 20;
  second.metadata.memory.allocator = "glibc";
  Merger merger;
  merger.add(first);
  merger.add(second);
  const Metadata merged = merger.finish().metadata;
  CHECK(merged.work == 15);
  CHECK(merged.labels == std::map<std::string, std::string>{{"release", "1.7"}});
  ProcessMemory sum;
  sum.resident = 150;
  sum.cgroup_use = 500;
  sum.cgroup_limit = 1000;
  sum.held = 80;
  sum.allocator = "glibc";
  CHECK(merged.memory == sum);

  third.metadata.memory.resident = 1;
  third.metadata.memory.cgroup_use = 3;
  third.metadata.memory.cgroup_limit = 2000;
  third.metadata.memory.held = 1;
  merger.add(first);
  merger.add(third);
  sum = {};
  sum.resident = 101;
  sum.held = 61;
  CHECK(merger.finish().metadata.memory == sum);
}

}  // namespace
}  // namespace memtrace::test
