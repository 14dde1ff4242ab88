#include <doctest/doctest.h>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using test::grouped_by;
using test::rendered;
using test::snapshot_of;

TEST_CASE("a statistic is the line that Python prints") {
  const Snapshot snapshot = snapshot_of(
      "0 123456 3 old.py:1 b.py:2\n"
      "0 70 2 a.py:1\n"
      "0 0 1 empty.py:9\n");
  CHECK(rendered("text", top(snapshot, {})) ==
        "b.py:2: size=121 KiB, count=3, average=40.2 KiB\n"
        "a.py:1: size=70 B, count=2, average=35 B\n"
        "empty.py:9: size=0 B, count=1, average=0 B\n");
}

TEST_CASE("a difference is the line that Python prints, unchanged groups too") {
  const Snapshot before = snapshot_of("0 3000 3 gone.py:2\n0 5 1 same.py:1\n");
  const Snapshot after = snapshot_of("0 5 1 same.py:1\n0 20480 2 new.py:1\n");
  CHECK(rendered("text", diff(before, after, {})) ==
        "new.py:1: size=20.0 KiB (+20.0 KiB), count=2 (+2), average=10.0 KiB\n"
        "gone.py:2: size=0 B (-3000 B), count=0 (-3)\n"
        "same.py:1: size=5 B (+0 B), count=1 (+0), average=5 B\n");
}

TEST_CASE("a traceback goes by its oldest frame") {
  const Snapshot snapshot = snapshot_of("0 8 1 old.py:1 b.py:2\n");
  CHECK(rendered("text", top(snapshot, grouped_by(GroupBy::traceback))) ==
        "old.py:1: size=8 B, count=1, average=8 B\n");
}

TEST_CASE("the other keys have names too") {
  const Snapshot snapshot = snapshot_of("3 8 1 src/b.py:2@run\n");
  const auto name = [&](GroupBy group_by) {
    const std::string line = rendered("text", top(snapshot, grouped_by(group_by)));
    return line.substr(0, line.find(": size="));
  };
  CHECK(name(GroupBy::filename) == "src/b.py:0");
  CHECK(name(GroupBy::function) == "src/b.py:run");
  CHECK(name(GroupBy::domain) == "domain 3");
  const Snapshot native = snapshot_of("3 8 1 libx.so+0x1f3a\n");
  CHECK(rendered("text", top(native, {})) == "libx.so+0x1f3a: size=8 B, count=1, average=8 B\n");
  CHECK(rendered("text", top(native, grouped_by(GroupBy::module))) ==
        "libx.so: size=8 B, count=1, average=8 B\n");
}

TEST_CASE("names are raw bytes, except on a terminal") {
  const Snapshot snapshot = snapshot_of("0 8 1 a\x1b[31m\xed\xb2\x80.py:1\n");
  CHECK(rendered("text", top(snapshot, {})) ==
        "a\x1b[31m\xed\xb2\x80.py:1: size=8 B, count=1, average=8 B\n");
  CHECK(rendered("text", top(snapshot, {}), {.terminal = true}) ==
        "a\\x1b[31m\\udc80.py:1: size=8 B, count=1, average=8 B\n");
}

TEST_CASE("prefixes and plain bytes") {
  const Snapshot snapshot = snapshot_of("0 20481 2 /srv/app/a.py:1\n");
  const Style style{.plain_bytes = true, .strip_prefixes = {"/srv/app"}};
  CHECK(rendered("text", top(snapshot, {}), style) ==
        "a.py:1: size=20481 B, count=2, average=10241 B\n");
}

}  // namespace
}  // namespace memtrace
