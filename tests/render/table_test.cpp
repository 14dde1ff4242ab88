#include <doctest/doctest.h>

#include "render/escape.hpp"
#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace {
namespace {

using test::grouped_by;
using test::rendered;
using test::snapshot_of;

constexpr std::string_view kRows =
    "0 2097152 20 /usr/lib/ast.py:50@parse\n"
    "0 123456 3 main.py:1 b.py:17\n"
    "0 400 3 c.py:20@run\n"
    "0 77 2 libx.so+0x1f3a\n";

TEST_CASE("rows and rest add up to the total") {
  const Snapshot snapshot = snapshot_of(kRows);
  CHECK(rendered("table", top(snapshot, {}, {.limit = 2})) ==
        "app.zst (mtrace snapshot)\n"
        "live: 2.1 MiB in 28 blocks, 4 groups by lineno\n"
        "\n"
        "     size      %  count    average  location\n"
        "  2.0 MiB  94.4%     20  102.4 KiB  /usr/lib/ast.py:50 in parse\n"
        "120.6 KiB   5.6%      3   40.2 KiB  b.py:17\n"
        "… 2 more: 477 B (0.0%)\n");
}

TEST_CASE("nothing more: no last line") {
  const Snapshot snapshot = snapshot_of("0 400 3 c.py:20@run\n");
  CHECK(rendered("table", top(snapshot, {}), {.plain_bytes = true}) ==
        "app.zst (mtrace snapshot)\n"
        "live: 400 bytes in 3 blocks, 1 group by lineno\n"
        "\n"
        "size       %  count  average  location\n"
        " 400  100.0%      3      133  c.py:20 in run\n");
}

TEST_CASE("the heading says what was read, lost and left out") {
  Snapshot snapshot = snapshot_of(kRows);
  snapshot.metadata.program = "app\x1b";
  snapshot.metadata.command = {"app", "a b"};
  snapshot.metadata.pid = 4711;
  snapshot.metadata.host = "build-7";
  snapshot.metadata.started = 1'795'216'590'000'000'000;
  snapshot.metadata.created = 1'795'216'596'500'000'000;
  snapshot.metadata.current = 3U << 20;
  snapshot.metadata.peak = 1U << 30;
  snapshot.metadata.traceback_limit = 1;
  snapshot.metadata.sampling_rate = 512 << 10;
  snapshot.metadata.losses = {
      .truncated_tracebacks = 312, .dropped_blocks = 1, .unknown_frees = 2, .missing_threads = 3};
  Selection selection;
  selection.include.emplace_back("b\n*");
  const TopReport report = top(snapshot, selection, {.min_size = 1024});
  // Two lines, and one for each that changes what the figures mean.
  CHECK(rendered("table", report) ==
        "app.zst (mtrace snapshot of app\\x1b, pid 4711, taken 2026-11-20 23:16:36 UTC)\n"
        "live: 0 B in 0 blocks, 0 groups by lineno; traced 3.0 MiB, peak 1.0 GiB; "
        "up to 1 frame a traceback\n"
        "data loss: the tracebacks of 312 blocks lack their oldest frames; "
        "1 block was not recorded; 2 frees of blocks that were never seen; "
        "3 threads stood still inside the tracer: their blocks are not counted\n"
        "sampled every 512.0 KiB on average: sizes and counts are estimates, ± one "
        "standard error\n"
        "selection: --include=b\\n*; left out: groups below 1.0 KiB\n"
        "\n"
        "no memory blocks match\n");
  CHECK(rendered("table", report, {.verbose = true}) ==
        "app.zst (mtrace snapshot of app\\x1b, pid 4711 on build-7, "
        "taken 2026-11-20 23:16:36 UTC, 6.5 s after the start)\n"
        "app 'a b'\n"
        "traced 3.0 MiB, peak 1.0 GiB; up to 1 frame a traceback\n"
        "live: 0 B in 0 blocks, 0 groups by lineno\n"
        "data loss: the tracebacks of 312 blocks lack their oldest frames\n"
        "data loss: 1 block was not recorded\n"
        "data loss: 2 frees of blocks that were never seen\n"
        "data loss: 3 threads stood still inside the tracer: their blocks are not counted\n"
        "sampled every 512.0 KiB on average: sizes and counts are estimates, ± one "
        "standard error\n"
        "selection: --include=b\\n*; left out: groups below 1.0 KiB\n"
        "\n"
        "no memory blocks match\n");
}

TEST_CASE("hidden frames are counted") {
  const Snapshot snapshot = snapshot_of(kRows);
  Selection selection;
  selection.hide.emplace_back("b.py");
  const std::string text = rendered("table", top(snapshot, selection));
  CHECK(text.find("\nselection: --hide=b.py; hidden by --hide: 1 frame\n") != std::string::npos);
}

TEST_CASE("a narrow terminal has the same heading in fewer words") {
  Snapshot snapshot = snapshot_of(kRows);
  snapshot.metadata.program = "/usr/bin/python3";
  snapshot.metadata.pid = 4711;
  snapshot.metadata.created = 1'795'216'596'500'000'000;
  snapshot.metadata.peak = 1U << 30;
  snapshot.metadata.traceback_limit = 25;
  const std::string text = rendered("table", top(snapshot, {}), {.width = 80});
  CHECK(
      text.starts_with("app.zst (/usr/bin/python3, 2026-11-20 23:16:36 UTC)\n"
                       "live: 2.1 MiB in 28 blocks; peak 1.0 GiB; 25 frames\n\n"));
}

TEST_CASE("bars show shares where there are colours and room") {
  const Snapshot snapshot = snapshot_of("0 750 3 src/a.cpp:1@f\n0 250 1 src/b.cpp:2@g\n");
  Style style{.color = true, .terminal = true, .bars = true, .width = 90};
  CHECK(rendered("table", top(snapshot, {}), style)
            .ends_with("\x1b[2msize\x1b[0m      \x1b[2m%\x1b[0m  \x1b[2mshare       \x1b[0m"
                       "\x1b[2mcount\x1b[0m  \x1b[2maverage\x1b[0m  \x1b[2mlocation\x1b[0m\n"
                       "\x1b[1m750 B\x1b[0m  75.0%  ███████▌        3    250 B  "
                       "\x1b[2msrc/\x1b[0ma.cpp:1 in \x1b[1mf\x1b[0m\n"
                       "\x1b[1m250 B\x1b[0m  25.0%  ██▌             1    250 B  "
                       "\x1b[2msrc/\x1b[0mb.cpp:2 in \x1b[1mg\x1b[0m\n"));
  style.width = 60;
  CHECK(rendered("table", top(snapshot, {}), style).find("█") == std::string::npos);
  style.width = 200;
  style.bars = false;
  CHECK(rendered("table", top(snapshot, {}), style).find("█") == std::string::npos);
}

TEST_CASE("no rows say why") {
  const auto last_line = [](std::string_view rows, std::int64_t min_size) {
    const Snapshot snapshot = snapshot_of(rows);
    return rendered("table", top(snapshot, {}, {.min_size = min_size}));
  };
  CHECK(last_line("", 0).ends_with("\n\nno memory blocks\n"));
  CHECK(last_line(kRows, 1 << 30)
            .ends_with("\n\nno group of at least 1.0 GiB\n… 4 more: 2.1 MiB (100.0%)\n"));
}

TEST_CASE("groups that overlap have no sum") {
  const Snapshot snapshot = snapshot_of(kRows);
  Selection selection;
  selection.cumulative = true;
  const std::string text = rendered("table", top(snapshot, selection, {.limit = 1}));
  CHECK(text.find("5 groups by lineno, cumulative\n") != std::string::npos);
  CHECK(text.ends_with("\n… 4 more\n"));
}

TEST_CASE("a traceback is headed by the frame that allocated") {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("main.py", "one\n  x = parse\x1b(y)\n");
  const Snapshot snapshot = snapshot_of("0 1024 2 " + path + ":2@main r.py:5 a.py:1@f\n");
  const Style style{.strip_prefixes = {std::filesystem::path(path).parent_path()}};
  const TopReport report = top(snapshot, grouped_by(GroupBy::traceback));
  const std::string heading =
      "app.zst (mtrace snapshot)\n"
      "live: 1.0 KiB in 2 blocks, 1 group by traceback\n"
      "\n"
      "   size       %  count  average  location\n"
      "1.0 KiB  100.0%      2    512 B  a.py:1 in f\n";
  CHECK(rendered("table", report, style) == heading +
                                                "    main.py:2 in main\n"
                                                "        x = parse\\x1b(y)\n"
                                                "    r.py:5\n"
                                                "    a.py:1 in f\n");
  Style reversed = style;
  reversed.most_recent_first = true;
  CHECK(rendered("table", report, reversed) == heading +
                                                   "    a.py:1 in f\n"
                                                   "    r.py:5\n"
                                                   "    main.py:2 in main\n"
                                                   "        x = parse\\x1b(y)\n");
}

TEST_CASE("the rest stands apart from a traceback's frames") {
  const Snapshot snapshot = snapshot_of("0 8 1 a.py:1 b.py:1\n0 7 1 c.py:1\n0 5 1 d.py:1\n");
  CHECK(rendered("table", top(snapshot, grouped_by(GroupBy::traceback), {.limit = 2}))
            .ends_with("  b.py:1\n"
                       "    a.py:1\n"
                       "    b.py:1\n"
                       "\n"
                       " 7 B  35.0%      1      7 B  c.py:1\n"
                       "\n"
                       "… 1 more: 5 B (25.0%)\n"));
}

TEST_CASE("recursion is counted") {
  const Snapshot snapshot = snapshot_of("0 8 1 m.py:1 r.py:5 r.py:5 r.py:5 r.py:5 r.py:5 a.py:1\n");
  CHECK(rendered("table", top(snapshot, grouped_by(GroupBy::traceback)))
            .ends_with("    m.py:1\n"
                       "    r.py:5\n"
                       "    r.py:5\n"
                       "    r.py:5\n"
                       "    … the last frame 2 times more\n"
                       "    a.py:1\n"));
}

TEST_CASE("no row is wider than the terminal") {
  const Snapshot snapshot = snapshot_of(
      "0 2097152 20 /usr/lib/python3.11/site-packages/中文/中文.py:50@a_function_of_some_length\n");
  for (const GroupBy group_by : {GroupBy::lineno, GroupBy::traceback}) {
    for (std::size_t width = 60; width < 140; ++width) {
      const std::string text =
          rendered("table", top(snapshot, grouped_by(group_by)), {.width = width});
      const std::string row = text.substr(text.find("2.0 MiB  100"));
      CAPTURE(row);
      CHECK(display_width(row.substr(0, row.find('\n'))) <= width);
    }
  }
}

TEST_CASE("colours come only when asked for") {
  const Snapshot snapshot = snapshot_of(kRows);
  CHECK(rendered("table", top(snapshot, {})).find('\x1b') == std::string::npos);
  CHECK(rendered("table", top(snapshot, {}), {.color = true}).find("\x1b[1m2.0 MiB\x1b[0m") !=
        std::string::npos);
}

TEST_CASE("names cannot reach the terminal raw, nor break the table") {
  const Snapshot snapshot = snapshot_of("0 8 1 a\x1b[2J\u202e\xed\xb2\x80\x07.py:1@f\x9b\n");
  const std::string text = rendered("table", top(snapshot, {}));
  CHECK(text.find("a\\x1b[2J\\u202e\\udc80\\x07.py:1 in f\\x9b\n") != std::string::npos);
}

}  // namespace
}  // namespace memtrace
