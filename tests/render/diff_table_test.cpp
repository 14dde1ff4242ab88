#include <doctest/doctest.h>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using test::rendered;
using test::snapshot_of;

constexpr std::string_view kBefore =
    "0 1048576 10 ast.py:50@parse\n"
    "0 3000 3 gone.py:2\n"
    "0 500 5 smaller.py:1\n"
    "0 400 3 same.py:20\n";
constexpr std::string_view kAfter =
    "0 2097152 20 ast.py:50@parse\n"
    "0 123456 3 new.py:17\n"
    "0 100 1 smaller.py:1\n"
    "0 400 3 same.py:20\n";

constexpr DiffRanking ranking(std::uint64_t limit = 0, std::int64_t min_size = 0) {
  return {.sort = DiffSort::size_diff, .limit = limit, .min_size = min_size, .changed_only = true};
}

TEST_CASE("a difference ends with what was added, removed, grown and shrunk") {
  const Snapshot before = snapshot_of(kBefore), after = snapshot_of(kAfter);
  CHECK(rendered("table", diff(before, after, {}, ranking())) ==
        "before  old.zst (mtrace snapshot)\n"
        "after   new.zst (mtrace snapshot)\n"
        "live: 5 groups by lineno\n"
        "\n"
        " size diff       size  count diff  count        location\n"
        "  +1.0 MiB    2.0 MiB         +10     20        ast.py:50 in parse\n"
        "+120.6 KiB  120.6 KiB          +3      3  NEW   new.py:17\n"
        "  -2.9 KiB        0 B          -3      0  GONE  gone.py:2\n"
        "    -400 B      100 B          -4      1        smaller.py:1\n"
        "\n"
        "groups: 1 added, 1 removed, 1 grown, 1 shrunk, 1 unchanged\n"
        "before 1.0 MiB, after 2.1 MiB, change +1.1 MiB (+111.0%)\n");
}

TEST_CASE("what is not shown is accounted for, without the unchanged") {
  const Snapshot before = snapshot_of(kBefore), after = snapshot_of(kAfter);
  CHECK(rendered("table", diff(before, after, {}, ranking(2)), {.plain_bytes = true})
            .find("\n… 2 more: -3400\n\ngroups: ") != std::string::npos);
}

TEST_CASE("no marker column where nothing was added or removed") {
  const Snapshot before = snapshot_of("0 10 1 a.py:1\n"), after = snapshot_of("0 30 1 a.py:1\n");
  CHECK(rendered("table", diff(before, after, {}, ranking()))
            .find("\nsize diff  size  count diff  count  location\n"
                  "    +20 B  30 B          +0      1  a.py:1\n") != std::string::npos);
}

TEST_CASE("no rows say why") {
  const Snapshot before = snapshot_of(kBefore), after = snapshot_of(kAfter);
  const Snapshot nothing = snapshot_of("");
  CHECK(rendered("table", diff(before, before, {}, ranking()))
            .ends_with("\n\nnothing changed\n\n"
                       "groups: 0 added, 0 removed, 0 grown, 0 shrunk, 4 unchanged\n"
                       "before 1.0 MiB, after 1.0 MiB, change +0 B (+0.0%)\n"));
  CHECK(
      rendered("table", diff(nothing, nothing, {}, ranking())).ends_with("\n\nno memory blocks\n"));
  CHECK(rendered("table", diff(before, after, {}, ranking(0, 1 << 30)))
            .find("\n\nno change of at least 1.0 GiB\n… 4 more: +1.1 MiB\n\n") !=
        std::string::npos);
}

TEST_CASE("from nothing there is no percentage") {
  const Snapshot after = snapshot_of("0 30 1 a.py:1\n"), nothing = snapshot_of("");
  CHECK(rendered("table", diff(nothing, after, {}, ranking()))
            .ends_with("before 0 B, after 30 B, change +30 B\n"));
}

TEST_CASE("growth is red, shrinking green") {
  const Snapshot before = snapshot_of(kBefore), after = snapshot_of(kAfter);
  const std::string text = rendered("table", diff(before, after, {}, ranking()), {.color = true});
  CHECK(text.find("\x1b[31m+1.0 MiB\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[32m-400 B\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[32mGONE\x1b[0m") != std::string::npos);
}

TEST_CASE("losses are said of the snapshot that has them") {
  const Snapshot before = snapshot_of(kBefore);
  Snapshot after = snapshot_of(kAfter);
  after.metadata.losses.dropped_blocks = 2;
  CHECK(rendered("table", diff(before, after, {}, ranking()))
            .find("\nafter   new.zst (mtrace snapshot)\n"
                  "        data loss: 2 blocks were not recorded\n") != std::string::npos);
}

}  // namespace
}  // namespace memtrace
