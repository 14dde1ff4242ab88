#include "analysis/selected_rows.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <string>

#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

// "DOMAIN LIVE/BLOCKS PEAK/BLOCKS TOTAL/BLOCKS CALLER;FRAME" a line.
std::string text_of(const SelectedRows& rows, std::size_t snapshot = 0) {
  std::string text;
  const Tracebacks& tables = rows.tables();
  rows.for_each(snapshot, [&](const SelectedRow& row) {
    text += std::to_string(rows.domains()[row.domain].number);
    for (const Amount& amount : row.amounts) {
      text += fmt::format(" {}/{}", amount.size, amount.count);
    }
    std::string path;
    for (NodeId node = row.node; node != kRoot; node = tables.nodes[node].parent) {
      const Frame& frame = tables.frames[tables.nodes[node].frame];
      path = fmt::format("{}:{}{}{}", tables.strings[frame.filename], frame.lineno,
                         path.empty() ? "" : ";", path);
    }
    text += " " + path + "\n";
  });
  return text;
}

TEST_CASE("rows have all metrics, each traceback and domain once") {
  const Snapshot snapshot = snapshot_of(
      "0 10,20,30 1,2,3 main:1 a:2\n"
      "1 1,1,1 1,1,1 main:1 a:2\n"
      "0 5,5,5 1,1,1 main:1\n"
      "0 1,2,3 1,1,1 main:1 a:2\n"
      "0 0,0,0 0,0,0 main:7\n");
  const SelectedRows rows(std::array{&snapshot}, {});
  CHECK(text_of(rows) ==
        "0 5/1 5/1 5/1 main:1\n"
        "0 11/2 22/3 33/4 main:1;a:2\n"
        "1 1/1 1/1 1/1 main:1;a:2\n");
  for (const Metric metric : kMetrics) CHECK(rows.has(metric));
}

TEST_CASE("what a selection hides and drops") {
  const Snapshot snapshot = snapshot_of(
      "0 10 1 main:1 a:2 lib:9\n"
      "0 20 2 main:1 a:2\n"
      "1 40 1 main:1 b:3\n"
      "0 80 1 lib:9\n");
  Selection selection;
  selection.hide.emplace_back("lib");
  const SelectedRows rows(std::array{&snapshot}, selection);
  CHECK(text_of(rows) ==
        "0 30/3 0/0 0/0 main:1;a:2\n"
        "1 40/1 0/0 0/0 main:1;b:3\n"
        "0 80/1 0/0 0/0 <hidden>:0\n");
  CHECK(rows.has(Metric::live));
  CHECK_FALSE(rows.has(Metric::peak));

  selection.include.emplace_back("[ab]");
  selection.domain = "0";
  CHECK(text_of(SelectedRows(std::array{&snapshot}, selection)) == "0 30/3 0/0 0/0 main:1;a:2\n");
  selection.include.emplace_back("nothing");
  CHECK(SelectedRows(std::array{&snapshot}, selection).unmatched().size() == 1);
}

TEST_CASE("two snapshots have one set of tables") {
  const Snapshot before = snapshot_of("0 10 1 main:1 a:2\n3 7 1 old:1\n");
  const Snapshot after = snapshot_of("3 20 2 main:1 b:2\n0 30 1 main:1 a:2\n");
  const SelectedRows rows(std::array{&before, &after}, {});
  REQUIRE(rows.snapshots() == 2);
  CHECK(text_of(rows, 0) == "0 10/1 0/0 0/0 main:1;a:2\n3 7/1 0/0 0/0 old:1\n");
  CHECK(text_of(rows, 1) == "3 20/2 0/0 0/0 main:1;b:2\n0 30/1 0/0 0/0 main:1;a:2\n");
  CHECK(&rows.snapshot(1) == &after);
}

}  // namespace
}  // namespace memtrace::test
