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
        "\n"
        " size diff       size  count diff  count        location\n"
        "  +1.0 MiB    2.0 MiB         +10     20        ast.py:50 in parse\n"
        "+120.6 KiB  120.6 KiB          +3      3  NEW   new.py:17\n"
        "  -2.9 KiB        0 B          -3      0  GONE  gone.py:2\n"
        "    -400 B      100 B          -4      1        smaller.py:1\n"
        "\n"
        "live by lineno: 1 added, 1 removed, 1 grown, 1 shrunk, 1 unchanged\n"
        "before 1.0 MiB, after 2.1 MiB, change +1.1 MiB (+111.0%)\n"
        "ast.py:50 is 90% of the growth\n");
}

TEST_CASE("what is not shown is accounted for, without the unchanged") {
  const Snapshot before = snapshot_of(kBefore), after = snapshot_of(kAfter);
  CHECK(rendered("table", diff(before, after, {}, ranking(2)), {.plain_bytes = true})
            .find("\n… 2 more: -3400\n\nlive by lineno: ") != std::string::npos);
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
                       "live by lineno: 0 added, 0 removed, 0 grown, 0 shrunk, 4 unchanged\n"
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
            .ends_with("before 0 B, after 30 B, change +30 B\n"
                       "a.py:1 is 100% of the growth\n"));
}

TEST_CASE("a difference ends with who made it") {
  const auto last_line = [](std::string_view before, std::string_view after,
                            const Selection& selection = {}) {
    const std::string text =
        rendered("table", diff(snapshot_of(before), snapshot_of(after), selection, ranking()));
    return text.substr(text.rfind('\n', text.size() - 2) + 1);
  };
  const std::string a = "0 100 1 src/a.py:1@f\n", more_a = "0 300 1 src/a.py:1@f\n";
  const std::string b = "0 100 1 b.py:2\n", more_b = "0 150 1 b.py:2\n";
  CHECK(last_line(a + b, more_a + more_b) == "a.py:1 is 80% of the growth\n");
  CHECK(last_line(more_a + more_b, a + b) == "a.py:1 is 80% of the decrease\n");
  CHECK(last_line(a + more_b, more_a + b) == "a.py:1 grew by 200 B, all others shrank by 50 B\n");
  CHECK(last_line(more_a + b, a + more_b) == "a.py:1 shrank by 200 B, all others grew by 50 B\n");
  CHECK(last_line(a, more_a, test::grouped_by(GroupBy::function)) == "f is 100% of the growth\n");
  CHECK(last_line(a + "0 1000000 1 c.py:1\n", "0 101 1 src/a.py:1@f\n0 2000000 1 c.py:1\n") ==
        "c.py:1 is almost 100% of the growth\n");
}

TEST_CASE("bars show growth and shrinking") {
  const Snapshot before = snapshot_of("0 100 1 a.py:1\n0 300 1 b.py:2\n");
  const Snapshot after = snapshot_of("0 500 1 a.py:1\n0 100 1 b.py:2\n");
  const DiffReport report = diff(before, after, {}, ranking());
  const std::string text = rendered("table", report, {.color = true, .bars = true, .width = 120});
  CHECK(text.find("\x1b[31m██████████\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[32m█████\x1b[0m") != std::string::npos);
  CHECK(rendered("table", report).find("█") == std::string::npos);
  const std::string comment = rendered("markdown", report);
  CHECK(comment.find("| +400 B | ██████████ | 500 B |") != std::string::npos);
  CHECK(comment.find("| -200 B | ░░░░░ | 100 B |") != std::string::npos);
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
