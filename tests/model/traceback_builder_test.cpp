#include "model/traceback_builder.hpp"

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
