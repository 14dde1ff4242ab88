// top and diff on small snapshots; totals reconcile in all of them.
#include <doctest/doctest.h>

#include <string>

#include "mtrace/error.hpp"
#include "mtrace/report.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

std::string name_of_group(const Report& report, GroupId group) {
  std::string name;
  for (const FrameView& frame : report.traceback(group)) {
    if (!name.empty()) name += " ";
    if (frame.filename) name += *frame.filename;
    if (!frame.filename && frame.module) name += *frame.module;
    if (frame.offset) name += "+" + std::to_string(*frame.offset);
    if (frame.lineno != 0) name += ":" + std::to_string(frame.lineno);
    if (frame.function) name += "@" + std::string(*frame.function);
  }
  if (report.selection().group_by == GroupBy::domain) {
    name = std::to_string(report.domain(group).number);
  }
  return name;
}

// "NAME SIZE/COUNT" a line. Checks that rows and rest add up to the total.
std::string top_text(std::string_view text, const Selection& selection = {},
                     const TopRanking& ranking = {}) {
  const Snapshot snapshot = snapshot_of(text);
  const TopReport report = top(snapshot, selection, ranking);
  std::string lines;
  Amount sum = report.rest;
  for (const Statistic& statistic : report.statistics) {
    lines += name_of_group(report, statistic.group) + " " + std::to_string(statistic.amount.size) +
             "/" + std::to_string(statistic.amount.count) + "\n";
    sum.size += statistic.amount.size;
    sum.count += statistic.amount.count;
  }
  if (!selection.cumulative) CHECK(sum == report.total);
  CHECK(report.groups() == report.statistics.size() + report.rest_groups);
  return lines;
}

constexpr std::string_view kSample = R"(
  0 100 1 main.py:1 a.py:10
  0 200 2 main.py:1 b.py:20
  0 50  5 main.py:2 a.py:10
  1 400 1 main.py:2 a.py:11
)";

TEST_CASE("grouping") {
  CHECK(top_text(kSample) == "a.py:11 400/1\nb.py:20 200/2\na.py:10 150/6\n");
  CHECK(top_text(kSample, {.group_by = GroupBy::filename}) == "a.py 550/7\nb.py 200/2\n");
  CHECK(top_text(kSample, {.group_by = GroupBy::domain}) == "1 400/1\n0 350/8\n");
  CHECK(top_text(kSample, {.group_by = GroupBy::traceback}) ==
        "main.py:2 a.py:11 400/1\nmain.py:1 b.py:20 200/2\nmain.py:1 a.py:10 100/1\n"
        "main.py:2 a.py:10 50/5\n");
  CHECK(top_text("0 1 1 x.c:1@f\n0 2 1 x.c:9@f\n0 4 1 y.c:1@f", {.group_by = GroupBy::function}) ==
        "y.c@f 4/1\nx.c@f 3/2\n");
  CHECK(
      top_text("0 1 1 /usr/lib/python3.11/json/decoder.py:1\n0 2 1 /w/lib/python3.9/site-packages/"
               "jinja2/x.py:2\n0 4 1 app.py:1",
               {.group_by = GroupBy::module}) == " 4/1\njinja2 2/1\njson 1/1\n");
}

TEST_CASE("instances of a template are one function where that is asked for") {
  constexpr std::string_view kInstances =
      "0 1 1 main.c:1@main x.h:1@f<int>(int)\n0 2 1 main.c:1@main x.h:1@f<char>(char)\n"
      "0 4 1 x.h:2@g(A<int>)";
  Selection selection = {.group_by = GroupBy::function};
  CHECK(top_text(kInstances, selection) ==
        "x.h@g(A<int>) 4/1\nx.h@f<char>(char) 2/1\nx.h@f<int>(int) 1/1\n");
  selection.strip_template_args = true;
  CHECK(top_text(kInstances, selection) == "x.h@g(A) 4/1\nx.h@f 3/2\n");
  selection.function = {Glob("f")};
  CHECK(top_text(kInstances, selection) == "x.h@f 3/2\n");
  selection.group_by = GroupBy::traceback;
  CHECK(top_text(kInstances, selection) == "main.c:1@main x.h:1@f 3/2\n");
  // The machinery is known by its whole names.
  CHECK(top_text("0 1 1 a.c:1@main x.h:1@std::allocator<int>::allocate()",
                 {.strip_template_args = true}) == "a.c:1@main 1/1\n");
}

TEST_CASE("folders are mapped before all else") {
  constexpr std::string_view kBuilds =
      "0 1 1 /build/1/src/a.c:1\n0 2 1 /build/2/src/a.c:1\n0 4 1 /build/22/a.c:1";
  Selection selection = {.map_prefixes = {PrefixMap("/build/1=/src"), PrefixMap("/build/2=/src")}};
  CHECK(top_text(kBuilds, selection) == "/build/22/a.c:1 4/1\n/src/src/a.c:1 3/2\n");
  selection.include = {Pattern("/build/1*")};
  CHECK(top_text(kBuilds, selection).empty());
  selection.include = {Pattern("/src/*")};
  CHECK(top_text(kBuilds, selection) == "/src/src/a.c:1 3/2\n");
  selection.hide = {Pattern("/src/*")};
  CHECK(top_text(kBuilds, selection).empty());
  // The last one that fits counts; a mapped name is not mapped again.
  CHECK(top_text("0 1 1 /a/b/x.c:1\n0 2 1 /a/x.c:1",
                 {.map_prefixes = {PrefixMap("/a=/b"), PrefixMap("/b=/c"),
                                   PrefixMap("/a/b/=y/")}}) == "/b/x.c:1 2/1\ny/x.c:1 1/1\n");
  CHECK_THROWS_WITH_AS(PrefixMap("/a"), "--map-prefix: '/a' is not FROM=TO", Error);
  CHECK_THROWS_AS(PrefixMap("=/a"), Error);
}

TEST_CASE("ties are broken by count, then by traceback") {
  CHECK(top_text("0 5 1 b:1\n0 5 2 a:1\n0 5 1 c:1\n0 5 1 b:2") ==
        "a:1 5/2\nc:1 5/1\nb:2 5/1\nb:1 5/1\n");
  CHECK(top_text("0 5 1 a:1\n0 5 1 a:1 b:1\n0 5 1 a:1 a:2\n0 5 1 b:1",
                 {.group_by = GroupBy::traceback}) ==
        "b:1 5/1\na:1 b:1 5/1\na:1 a:2 5/1\na:1 5/1\n");
}

TEST_CASE("other orders") {
  CHECK(top_text(kSample, {}, {.sort = TopSort::count}) ==
        "a.py:10 150/6\nb.py:20 200/2\na.py:11 400/1\n");
  CHECK(top_text(kSample, {}, {.sort = TopSort::average}) ==
        "a.py:11 400/1\nb.py:20 200/2\na.py:10 150/6\n");
  CHECK(top_text(kSample, {}, {.sort = TopSort::location}) ==
        "a.py:10 150/6\na.py:11 400/1\nb.py:20 200/2\n");
  CHECK(top_text(kSample, {}, {.reverse = true}) ==
        "a.py:10 150/6\nb.py:20 200/2\na.py:11 400/1\n");
  CHECK(top_text(kSample, {}, {.limit = 1}) == "a.py:11 400/1\n");
  CHECK(top_text(kSample, {}, {.min_size = 200}) == "a.py:11 400/1\nb.py:20 200/2\n");
}

TEST_CASE("cumulative counts a block once a group, however often recursion passes") {
  CHECK(top_text("0 100 1 m:1 r:1 r:1 r:1\n0 10 1 m:1 r:1 x:1", {.cumulative = true}) ==
        "r:1 110/2\nm:1 110/2\nx:1 10/1\n");
  CHECK(top_text("0 100 1 m:1 n:1 m:2", {.group_by = GroupBy::filename, .cumulative = true}) ==
        "n 100/1\nm 100/1\n");
  CHECK_THROWS_AS(top_text(kSample, {.group_by = GroupBy::traceback, .cumulative = true}), Error);
}

TEST_CASE("filters drop blocks") {
  CHECK(top_text(kSample, {.include = {Pattern("b*")}}) == "b.py:20 200/2\n");
  CHECK(top_text(kSample, {.exclude = {Pattern("a.py:11"), Pattern("b.py")}}) == "a.py:10 150/6\n");
  CHECK(top_text(kSample, {.include = {Pattern("main.py:2")}}) == "");
  CHECK(top_text(kSample, {.include = {Pattern("main.py:2")}, .all_frames = true}) ==
        "a.py:11 400/1\na.py:10 50/5\n");
  CHECK(top_text(kSample, {.exclude = {Pattern("main.py:2")}, .all_frames = true}) ==
        "b.py:20 200/2\na.py:10 100/1\n");
  CHECK(top_text(kSample, {.domain = "1"}) == "a.py:11 400/1\n");
  CHECK(top_text(kSample, {.domain = "77"}) == "");
  CHECK(top_text(kSample, {.domain = "native"}) == "");
  CHECK_THROWS_WITH_AS(top_text(kSample, {.domain = "gpu"}),
                       "there is no domain 'gpu' (domains: 0, 1)", Error);
  CHECK(top_text("0 1 1 a:1@f\n0 2 1 a:1@g", {.function = {Glob("g*")}}) == "a:1 2/1\n");
}

TEST_CASE("hidden frames give their blocks to the nearest visible caller") {
  CHECK(top_text(kSample, {.hide = {Pattern("a.py")}}) ==
        "main.py:2 450/6\nb.py:20 200/2\nmain.py:1 100/1\n");
  CHECK(top_text("0 1 1 a:1 h:1 b:1\n0 2 1 a:1 h:2 b:1",
                 {.group_by = GroupBy::traceback, .hide = {Pattern("h")}}) == "a:1 b:1 3/2\n");
  CHECK(top_text(kSample, {.hide = {Pattern("*")}}) == "<hidden> 750/9\n");
  CHECK(top_text("0 1 1 /srv/app.py:1 /usr/lib/python3.11/json/decoder.py:1", {.mine = true}) ==
        "/srv/app.py:1 1/1\n");
  // Where a program begins is not its own, whoever was called from there.
  CHECK(top_text("0 1 1 app+0x10@_start /usr/lib/libx.so+0x4@f", {.mine = true}) ==
        "<hidden> 1/1\n");
  CHECK(top_text("0 1 1 app.py:1@_start", {.mine = true}) == "app.py:1@_start 1/1\n");
}

TEST_CASE("the allocation machinery is hidden unless asked for") {
  constexpr std::string_view kNative = "0 8 1 main.cpp:3@main new.cc:50@operator_new";
  CHECK(top_text("0 8 1 main.cpp:3@main malloc.c:50@malloc") == "main.cpp:3@main 8/1\n");
  CHECK(top_text("0 8 1 main.cpp:3@main malloc.c:50@malloc", {.raw_frames = true}) ==
        "malloc.c:50@malloc 8/1\n");
  CHECK(top_text("0 8 1 app.py:3@malloc") == "app.py:3@malloc 8/1\n");
  CHECK(top_text(kNative) == "new.cc:50@operator_new 8/1\n");
}

// MODULE+OFFSET for the interpreter's own frames, FILE:LINE for those of the program that it runs.
TEST_CASE("an interpreter's own frames are hidden where it runs a program") {
  constexpr std::string_view kBoth =
      "0 1 1 /usr/bin/python3.11+0x1 app.py:1 libpython3.11.so.1.0+0x2\n"
      "0 2 1 /usr/bin/python3.11+0x1 app.py:1 libpython3.11.so.1.0+0x2 lib.so+0x5\n"
      "0 4 1 /usr/bin/python3.11+0x1 /usr/bin/python3.11+0x3\n"
      "0 8 1 main+0x7 libpython3.11.so.1.0+0x4 app.py:1 app.py:2 libffi.so.8+0x1 lib.so+0x6";
  const Selection whole = {.group_by = GroupBy::traceback};
  CHECK(top_text(kBoth, whole) ==
        "main+7 app.py:1 app.py:2 lib.so+6 8/1\n"
        "/usr/bin/python3.11+1 /usr/bin/python3.11+3 4/1\n"
        "app.py:1 lib.so+5 2/1\napp.py:1 1/1\n");
  CHECK(top_text(kBoth, {.group_by = GroupBy::traceback, .raw_frames = true})
            .starts_with(
                "main+7 libpython3.11.so.1.0+4 app.py:1 app.py:2 libffi.so.8+1 lib.so+6 8/1\n"));
  CHECK(top_text(kBoth, {.group_by = GroupBy::traceback, .hide = {Pattern("app.py:1")}}) ==
        "main+7 app.py:2 lib.so+6 8/1\n/usr/bin/python3.11+1 /usr/bin/python3.11+3 4/1\n"
        "lib.so+5 2/1\n<hidden> 1/1\n");
  // An interpreter alone is a program like any other.
  CHECK(top_text("0 1 1 /usr/bin/python3.11+0x1", whole) == "/usr/bin/python3.11+1 1/1\n");
}

TEST_CASE("a frame that is not resolved is known by module and offset") {
  CHECK(top_text("0 8 1 m:1 libx.so+0x10\n0 1 1 libx.so+0x10\n0 2 1 libx.so+0x20") ==
        "libx.so+16 9/2\nlibx.so+32 2/1\n");
}

TEST_CASE("blocks without any frame are unknown") {
  CHECK(top_text("0 8 1") == "<unknown> 8/1\n");
}

TEST_CASE("a metric that is not there is an error") {
  CHECK_THROWS_WITH_AS(top_text(kSample, {.metric = Metric::peak}),
                       "the snapshot has no peak metric", Error);
  CHECK(top_text("0 0,7,9 0,1,2 a:1", {.metric = Metric::peak}) == "a:1 7/1\n");
  CHECK(top_text("0 0,7,9 0,1,2 a:1") == "");
}

std::string diff_text(std::string_view before, std::string_view after,
                      const Selection& selection = {},
                      const DiffRanking& ranking = {.sort = DiffSort::size_diff}) {
  const DiffReport report = diff(snapshot_of(before), snapshot_of(after), selection, ranking);
  std::string lines;
  std::int64_t size_diff = report.rest_after.size - report.rest_before.size;
  for (const StatisticDiff& statistic : report.statistics) {
    constexpr std::array kMarks = {"new", "gone", "grown", "shrunk", "same"};
    lines += name_of_group(report, statistic.group) + " " + std::to_string(statistic.size_diff()) +
             "/" + std::to_string(statistic.count_diff()) + " " +
             kMarks[static_cast<std::size_t>(statistic.change())] + "\n";
    size_diff += statistic.size_diff();
  }
  CHECK(size_diff == report.total_after.size - report.total_before.size);
  return lines;
}

TEST_CASE("diff") {
  constexpr std::string_view kBefore = "0 10 1 a:1\n0 20 1 b:1\n0 30 3 c:1\n0 5 1 d:1";
  constexpr std::string_view kAfter = "0 90 9 e:1\n0 15 2 a:1\n0 30 3 c:1\n0 1 1 d:1";
  CHECK(diff_text(kBefore, kAfter) ==
        "e:1 90/9 new\nb:1 -20/-1 gone\na:1 5/1 grown\nd:1 -4/0 shrunk\nc:1 0/0 same\n");
  CHECK(diff_text(kBefore, kAfter, {}, {.sort = DiffSort::growth, .limit = 2}) ==
        "e:1 90/9 new\na:1 5/1 grown\n");
  CHECK(diff_text(kBefore, kAfter, {},
                  {.sort = DiffSort::size_diff, .min_size = 5, .changed_only = true}) ==
        "e:1 90/9 new\nb:1 -20/-1 gone\na:1 5/1 grown\n");
  CHECK(diff_text("", kAfter, {.exclude = {Pattern("e")}}, {.sort = DiffSort::location}) ==
        "a:1 15/2 new\nc:1 30/3 new\nd:1 1/1 new\n");
  CHECK(diff_text(kBefore, kBefore, {}, {.sort = DiffSort::size_diff, .changed_only = true}) == "");
}

// "OPTION VALUE" a line; behind an arrow, what is meant or why it matches nothing.
std::string unmatched_text(const Report& report) {
  std::string lines;
  for (const UnmatchedFilter& filter : report.unmatched()) {
    lines += filter.option + " " + filter.value;
    if (!filter.meant.empty()) lines += " -> " + filter.meant;
    if (filter.reason == UnmatchedFilter::Reason::hidden) lines += " (hidden)";
    if (filter.reason == UnmatchedFilter::Reason::callers) lines += " (callers)";
    lines += "\n";
  }
  return lines;
}

std::string unmatched_text(std::string_view text, const Selection& selection) {
  const Snapshot snapshot = snapshot_of(text);
  return unmatched_text(top(snapshot, selection));
}

constexpr std::string_view kShop = R"(
  0 100 1 /srv/shop/main.py:1@main /srv/shop/orders/service.py:10@find_order
  0 200 2 /srv/shop/main.py:2@main /usr/lib/python3.11/json/decoder.py:353@decode
  0 300 3 native.c:5@start native.c:9@g_malloc
)";

TEST_CASE("a filter that matches nothing is known, with what would match") {
  const auto include = [](const char* text) {
    Selection selection;
    selection.include = {Pattern(text)};
    selection.all_frames = true;
    return unmatched_text(kShop, selection);
  };
  CHECK(include("*/service.py") == "");
  CHECK(include("service.py") == "--include service.py -> */service.py\n");
  CHECK(include("service.py:10") == "--include service.py:10 -> */service.py:10\n");
  CHECK(include("*/service.py:11") == "--include */service.py:11 -> */service.py\n");
  CHECK(include("/srv/shop") == "--include /srv/shop -> /srv/shop/\n");
  CHECK(include("orders") == "--include orders -> orders/\n");
  CHECK(include("*/serivce.py") == "--include */serivce.py -> */service.py\n");
  CHECK(include("/other/place/main.py") == "--include /other/place/main.py -> */main.py\n");
  CHECK(include("nothing like it") == "--include nothing like it\n");
}

TEST_CASE("each filter is named once, and those of every kind") {
  Selection selection;
  selection.include = {Pattern("*")};
  selection.exclude = {Pattern("decoder.py"), Pattern("decoder.py")};
  selection.function = {Glob("*"), Glob("order")};
  selection.hide = {Pattern("json/decoder")};
  selection.hide_function = {Glob("decod")};
  selection.map_prefixes = {PrefixMap("/build/shop=/src"), PrefixMap("/srv/shop=/srv/shop")};
  CHECK(unmatched_text(kShop, selection) ==
        "--map-prefix /build/shop=/src -> /srv/shop=/src\n"
        "--exclude decoder.py -> */decoder.py\n"
        "--function order -> *order*\n"
        "--hide json/decoder -> *json/decoder*\n"
        "--hide-function decod -> *decod*\n");
}

TEST_CASE("why a filter has no effect although it matches") {
  Selection selection;
  selection.include = {Pattern("*/main.py"), Pattern("*/decoder.py")};
  selection.function = {Glob("g_malloc"), Glob("*")};
  CHECK(unmatched_text(kShop, selection) ==
        "--include */main.py (callers)\n--function g_malloc (hidden)\n");
  selection.all_frames = true;
  selection.raw_frames = true;
  CHECK(unmatched_text(kShop, selection) == "");
}

TEST_CASE("what matches in either snapshot of a diff is matched") {
  const Snapshot before = snapshot_of("0 1 1 a/old.py:1"), after = snapshot_of("0 1 1 a/new.py:1");
  Selection selection;
  selection.include = {Pattern("*/old.py"), Pattern("*/new.py"), Pattern("old.py")};
  CHECK(unmatched_text(diff(before, after, selection)) == "--include old.py -> */old.py\n");
}

TEST_CASE("a folder stands for what is below it") {
  const auto kept = [](const char* pattern, const char* name) {
    return Pattern(pattern).matches_filename(name);
  };
  CHECK(kept("shop/", "shop/a.py"));
  CHECK(kept("./shop/", "shop/b/c.py"));
  CHECK(kept("shop/", "/srv/shop/b/c.pyc"));
  CHECK(kept("/srv/", "/srv/shop/a.py"));
  CHECK_FALSE(kept("/srv/", "/data/srv/a.py"));
  CHECK_FALSE(kept("shop/", "/srv/workshop/a.py"));
  CHECK_FALSE(kept("shop", "/srv/shop/a.py"));
  CHECK_FALSE(kept("*shop/", "/srv/shop/a.py"));
}

TEST_CASE("frames are hidden by function and by module") {
  Selection selection{.group_by = GroupBy::function};
  selection.hide_function = {Glob("find_*"), Glob("decode")};
  CHECK(top_text(kShop, selection) == "native.c@start 300/3\n/srv/shop/main.py@main 300/3\n");
  selection.hide_function.clear();
  selection.hide_module = {Glob("json")};
  CHECK(top_text(kShop, selection) ==
        "native.c@start 300/3\n/srv/shop/main.py@main 200/2\n"
        "/srv/shop/orders/service.py@find_order 100/1\n");
}

TEST_CASE("memory without a visible frame is counted") {
  const Snapshot snapshot = snapshot_of("0 30 1 a.py:1\n0 70 1 b.py:1\n");
  Selection selection;
  selection.hide = {Pattern("b.py")};
  CHECK(top(snapshot, selection).hidden_size() == 70);
  selection.hide.clear();
  CHECK(top(snapshot, selection).hidden_size() == 0);
}

}  // namespace
}  // namespace memtrace::test
