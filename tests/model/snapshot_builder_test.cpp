#include "mtrace/snapshot_builder.hpp"

#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "support/canonical_snapshot.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

TEST_CASE("equal things get equal ids") {
  TracebackBuilder builder;
  const StringId a = builder.string("a");
  CHECK(builder.string("b") != a);
  CHECK(builder.string("a") == a);
  const FrameId frame = builder.frame({.filename = a, .lineno = 1});
  CHECK(builder.frame({.filename = a, .lineno = 1}) == frame);
  CHECK(builder.frame({.filename = a, .lineno = 2}) != frame);
  CHECK(builder.frame({.filename = a, .lineno = 1, .kind = FrameKind::inlined}) != frame);
  const NodeId node = builder.child(kRoot, frame);
  CHECK(builder.child(kRoot, frame) == node);
  CHECK(builder.child(node, frame) != node);
  CHECK(builder.module({.name = a, .build_id = "1"}) !=
        builder.module({.name = a, .build_id = "2"}));
}

TEST_CASE("absorbing the same tables again adds nothing") {
  const Snapshot snapshot = snapshot_of("0 1 1 a:1 b:2@f libx.so+0x10\n0 1 1 a:1 c:3");
  TracebackBuilder builder;
  const auto first = builder.absorb(snapshot.tracebacks);
  const std::size_t nodes = builder.tables().nodes.size();
  CHECK(builder.absorb(snapshot.tracebacks) == first);
  CHECK(builder.tables().nodes.size() == nodes);
  CHECK(nodes == snapshot.tracebacks.nodes.size());
}

TEST_CASE("a snapshot is built block by block") {
  SnapshotBuilder builder({Metric::live, Metric::total});
  builder.metadata().program = "server";
  const FrameId main = builder.frame("main.c", 12, "main");
  const NodeId load = builder.traceback({main, builder.frame("load.c", 30)});
  const DomainId heap = builder.domain(1, "native");
  builder.add(load, heap, Metric::live, {100, 1});
  builder.add(builder.traceback({}), builder.domain(0), Metric::live, {5, 1});
  builder.add(load, heap, Metric::live, {20, 2});
  builder.add(load, heap, Metric::total, {500, 9});
  builder.add(load, builder.domain(0), Metric::total, {1, 1});
  const Snapshot snapshot = builder.finish();
  CHECK(snapshot.metadata.program == "server");
  CHECK(snapshot.rows.size() == 3);
  CHECK(total_of(*snapshot.rows[Metric::live]) == Amount{125, 4});
  CHECK(total_of(*snapshot.rows[Metric::total]) == Amount{501, 10});
  CHECK(!snapshot.rows[Metric::peak]);
  CHECK(builder.finish().rows.size() == 0);
}

TEST_CASE("blocks of one traceback and domain are one row") {
  SnapshotBuilder builder;
  const NodeId load = builder.traceback({builder.frame("a", 1, "f"), builder.frame("b", 2)});
  builder.add(load, builder.domain(3), Metric::live, {100, 1});
  builder.add(builder.traceback({}), builder.domain(0), Metric::live, {5, 1});
  builder.add(load, builder.domain(3), Metric::live, {20, 2});
  builder.add(load, builder.domain(0), Metric::live, {1, 1});
  CHECK(dump_of(builder.finish()) == dump_of(snapshot_of("3 120 3 a:1@f b:2\n0 5 1\n"
                                                         "0 1 1 a:1@f b:2")));
}

TEST_CASE("what no snapshot can hold is refused") {
  SnapshotBuilder builder;
  const NodeId node = builder.traceback({builder.frame("a", 1)});
  const DomainId domain = builder.domain(0);
  CHECK_THROWS_AS(builder.add(node, domain, Metric::peak, {1, 1}), Error);
  CHECK_THROWS_AS(builder.add(node, domain, Metric::live, {-1, 1}), Error);
  builder.add(node, domain, Metric::live, {INT64_MAX, 1});
  CHECK_THROWS_AS(builder.add(node, domain, Metric::live, {1, 1}), Error);
  CHECK(builder.finish().rows.size() == 1);
  builder.add(kRoot, DomainId{7}, Metric::live, {1, 1});
  CHECK_THROWS_AS(builder.finish(), Error);
}

TEST_CASE("canonical order does not depend on the order of discovery") {
  const Snapshot one = snapshot_of("0 1 1 z:1 a:2\n9 2 2 z:1 a:2\n0 3 3 b:1");
  const Snapshot other = snapshot_of("9 2 2 z:1 a:2\n0 3 3 b:1\n0 1 1 z:1 a:2");
  CHECK(dump_of(one) == dump_of(other));
  CHECK(dump_of(canonical(one)) == dump_of(one));
}

TEST_CASE("validate refuses what the analysis could trip over") {
  const auto broken = [](const auto& break_it) {
    Snapshot snapshot = snapshot_of("0 1 1 a:1 b:2");
    break_it(snapshot);
    CHECK_THROWS_AS(validate(snapshot), Error);
  };
  broken([](Snapshot& s) { s.rows.node[0] = kRoot; });
  broken([](Snapshot& s) { s.rows.node[0] = NodeId{99}; });
  broken([](Snapshot& s) { s.rows.domain[0] = DomainId{1}; });
  broken([](Snapshot& s) { s.rows.domain.clear(); });
  broken([](Snapshot& s) { s.rows[Metric::live]->size.clear(); });
  broken([](Snapshot& s) { s.rows[Metric::live]->size[0] = -1; });
  broken([](Snapshot& s) { s.tracebacks.nodes[NodeId{1}].parent = NodeId{2}; });
  broken([](Snapshot& s) { s.tracebacks.nodes[NodeId{1}].frame = FrameId{7}; });
  broken([](Snapshot& s) { s.tracebacks.frames[FrameId{0}].filename = StringId{7}; });
}

}  // namespace
}  // namespace memtrace::test
