#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using nlohmann::json;
using test::grouped_by;
using test::rendered;
using test::snapshot_of;

json parsed(const std::string& text) {
  CHECK(text.ends_with("}\n"));
  return json::parse(text);
}

TEST_CASE("what is unknown is null") {
  const Snapshot snapshot = snapshot_of("0 100 3 a.py:1\n");
  const json document = parsed(rendered("json", top(snapshot, {})));
  CHECK(document["schema"] == "mtrace.top/1");
  for (const char* key : {"program", "command", "pid", "host", "started", "created",
                          "traceback_limit", "current", "peak", "sampling_rate"}) {
    CAPTURE(key);
    CHECK(document["snapshot"].at(key).is_null());
  }
  CHECK(document["statistics"][0]["traceback"] ==
        json::parse(R"([{"filename": "a.py", "lineno": 1, "function": null, "module": null}])"));
}

TEST_CASE("what is known of the snapshot is there") {
  Snapshot snapshot = snapshot_of("0 100 3 a.py:1\n");
  snapshot.metadata.command = {"python3", "a b"};
  snapshot.metadata.pid = 4711;
  snapshot.metadata.created = 1'795'216'596'000'000'000;
  snapshot.metadata.peak = 1ULL << 63;
  snapshot.metadata.losses = {
      .truncated_tracebacks = 1, .dropped_blocks = 2, .unknown_frees = 3, .missing_threads = 4};
  const json document = parsed(rendered("json", top(snapshot, {})));
  const json& object = document["snapshot"];
  CHECK(object["path"] == "app.zst");
  CHECK(object["kind"] == "mtrace");
  CHECK(object["command"] == json::parse(R"(["python3", "a b"])"));
  CHECK(object["pid"] == 4711);
  CHECK(object["created"] == "2026-11-20T23:16:36Z");
  CHECK(object["peak"] == 9223372036854775808ULL);
  CHECK(object["losses"] ==
        json::parse(R"({"truncated_tracebacks": 1, "dropped_blocks": 2, "unknown_frees": 3,
                        "missing_threads": 4})"));
}

TEST_CASE("statistics and rest add up to the total") {
  const Snapshot snapshot = snapshot_of("0 100 3 a.py:1\n0 50 1 b.py:1\n0 7 1 c.py:1\n");
  const json document = parsed(rendered("json", top(snapshot, {}, {.limit = 1})));
  CHECK(document["total"] == json::parse(R"({"size": 157, "count": 5})"));
  CHECK(document["groups"] == 3);
  CHECK(document["statistics"].size() == 1);
  CHECK(document["statistics"][0]["average"] == 100.0 / 3);
  CHECK(document["rest"] == json::parse(R"({"groups": 2, "size": 57, "count": 2})"));
}

TEST_CASE("groups that overlap have no rest") {
  const Snapshot snapshot = snapshot_of("0 100 3 a.py:1 b.py:1\n");
  Selection selection;
  selection.cumulative = true;
  const json document = parsed(rendered("json", top(snapshot, selection, {.limit = 1})));
  CHECK(document["cumulative"] == true);
  CHECK(document["rest"] == json::parse(R"({"groups": 1, "size": null, "count": null})"));
  const json difference =
      parsed(rendered("json", diff(snapshot, snapshot, selection, {.sort = DiffSort::size_diff})));
  CHECK(difference["rest"]["size_diff"].is_null());
}

TEST_CASE("a difference has both snapshots and what became of each group") {
  const Snapshot before = snapshot_of("0 100 3 gone.py:2\n0 5 1 same.py:1\n");
  const Snapshot after = snapshot_of("0 5 1 same.py:1\n0 2000 2 new.py:1\n");
  const json document = parsed(rendered("json", diff(before, after, {})));
  CHECK(document["before"]["path"] == "old.zst");
  CHECK(document["after"]["path"] == "new.zst");
  CHECK(document["total"] ==
        json::parse(R"({"size": 2005, "size_diff": 1900, "count": 3, "count_diff": -1})"));
  CHECK(document["changes"] ==
        json::parse(R"({"added": 1, "removed": 1, "grown": 0, "shrunk": 0, "unchanged": 1})"));
  CHECK(document["statistics"][0]["change"] == "added");
  CHECK(document["statistics"][1]["change"] == "removed");
  CHECK(document["statistics"][1]["size_diff"] == -100);
  CHECK(document["statistics"][1]["average"] == 0);
  CHECK(document["statistics"][2]["change"] == "unchanged");
}

TEST_CASE("an address has an offset and no line") {
  const Snapshot snapshot = snapshot_of("0 100 3 libx.so+0x10\n");
  const json document = parsed(rendered("json", top(snapshot, {})));
  CHECK(document["statistics"][0]["traceback"][0] ==
        json::parse(R"({"filename": null, "lineno": null, "function": null,
                        "module": "libx.so", "offset": 16})"));
}

TEST_CASE("a domain has no traceback") {
  Snapshot snapshot = snapshot_of("7 100 3 a.py:1\n");
  const auto first = [&] {
    return parsed(rendered("json", top(snapshot, grouped_by(GroupBy::domain))))["statistics"][0];
  };
  CHECK(first()["domain"] == 7);
  CHECK(first()["domain_name"].is_null());
  CHECK(first()["traceback"] == json::array());
  snapshot.domains[DomainId{0}].name = "native";
  CHECK(first()["domain_name"] == "native");
}

TEST_CASE("a traceback is oldest first, whatever the style") {
  const Snapshot snapshot = snapshot_of("0 100 3 a.py:1 b.py:2\n");
  const Style style{.most_recent_first = true, .strip_prefixes = {"a"}};
  const json document =
      parsed(rendered("json", top(snapshot, grouped_by(GroupBy::traceback)), style));
  CHECK(document["statistics"][0]["traceback"][0]["filename"] == "a.py");
  CHECK(document["statistics"][0]["traceback"][1]["filename"] == "b.py");
}

TEST_CASE("odd names survive") {
  const Snapshot snapshot = snapshot_of("0 8 1 a\x1b\"\xed\xb2\x80\u009b.py:1\n");
  const std::string text = rendered("json", top(snapshot, {}));
  CHECK(text.find("\"a\\u001b\\\"\\udc80\\u009b.py\"") != std::string::npos);
}

}  // namespace
}  // namespace memtrace
