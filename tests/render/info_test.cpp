#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "render/rendered.hpp"

namespace memtrace {
namespace {

using nlohmann::json;
using test::rendered;

SnapshotInfo native_info() {
  SnapshotInfo info;
  info.format = "mtrace snapshot 1.0";
  info.encoding = "zstd";
  info.file_size = 12345;
  info.metadata.program = "app\n";
  info.metadata.losses.unknown_frees = 3;
  info.counts = SnapshotInfo::Counts{};
  info.counts->rows = 5000;
  info.totals[0] = Amount{2048, 6};
  return info;
}

SnapshotInfo dump_info() {
  SnapshotInfo info;
  info.kind = info.metadata.kind = SnapshotKind::tracemalloc;
  info.format = "pickle protocol 4";
  info.encoding = "plain";
  return info;
}

TEST_CASE("info lists what is known") {
  CHECK(rendered("table", native_info()) ==
        "file              app.zst\n"
        "kind              mtrace snapshot\n"
        "format            mtrace snapshot 1.0\n"
        "encoding          zstd\n"
        "size              12.1 KiB (12,345 bytes)\n"
        "program           app\\n\n"
        "truncated         0 blocks' tracebacks\n"
        "not recorded      0 blocks\n"
        "unknown frees     3\n"
        "live              2.0 KiB (2,048 bytes) in 6 blocks\n"
        "rows              5,000\n"
        "traceback nodes   0\n"
        "frames            0\n"
        "modules           0\n"
        "strings           0\n"
        "domains           0\n");
}

TEST_CASE("info names the threads whose blocks are not counted, where there are any") {
  SnapshotInfo info = native_info();
  info.metadata.losses.missing_threads = 2;
  CHECK(rendered("table", info)
            .find("unknown frees     3\n"
                  "missing threads   2\n") != std::string::npos);
}

TEST_CASE("info of a dump says where its totals are") {
  CHECK(rendered("table", dump_info()) ==
        "file              app.zst\n"
        "kind              tracemalloc snapshot\n"
        "format            pickle protocol 4\n"
        "encoding          plain\n"
        "totals            not in the header; mtrace top app.zst counts them\n");
}

TEST_CASE("info as JSON has every key, and null where nothing is known") {
  const json native = json::parse(rendered("json", native_info()));
  CHECK(native["schema"] == "mtrace.info/1");
  CHECK(native["file"]["size"] == 12345);
  CHECK(native["counts"]["rows"] == 5000);
  CHECK(native["snapshot"]["losses"]["unknown_frees"] == 3);
  CHECK(native["totals"] ==
        json::parse(R"({"live": {"size": 2048, "count": 6}, "peak": null, "total": null})"));
  const json dump = json::parse(rendered("json", dump_info()));
  CHECK(dump["snapshot"]["kind"] == "tracemalloc");
  CHECK(dump["snapshot"]["losses"].is_null());
  CHECK(dump["counts"].is_null());
  CHECK(dump["file"]["size"].is_null());
}

}  // namespace
}  // namespace memtrace
