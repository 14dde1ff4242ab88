#include "view/call_tree.hpp"

#include <doctest/doctest.h>

#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using test::snapshot_of;

// Recursion, and two callers of one line.
constexpr std::string_view kCallRows =
    "0 100 1 main.c:1@main a.c:2@a b.c:3@b\n"
    "0 40 2 main.c:1@main b.c:3@b\n"
    "0 20 1 main.c:1@main b.c:3@b a.c:2@a b.c:3@b c.c:4@c\n"
    "0 7 1 other.c:9@other\n";

std::string words_of(const CallTree& calls, const std::vector<CallTree::Neighbour>& neighbours) {
  std::string words;
  for (const auto& [place, amounts] : neighbours) {
    words += (place == kNowhere ? "-" : calls.name(place)) + "=" +
             std::to_string(amounts.after.size) + "/" + std::to_string(amounts.after.count) + " ";
  }
  return words;
}

TEST_CASE("callers and callees add up, however often a place is on a traceback") {
  const Snapshot snapshot = snapshot_of(kCallRows);
  const CallTree calls(traceback_tree(snapshot, {}), GroupBy::lineno);
  const auto b = calls.neighbours(calls.find_name("b.c:3"));
  CHECK(b.total.after.size == 160);
  CHECK(b.total.after.count == 4);
  CHECK(b.own.after.size == 140);
  CHECK(words_of(calls, b.callers) == "a.c:2=100/1 main.c:1=60/3 ");
  CHECK(words_of(calls, b.callees) == "c.c:4=20/1 ");
  const auto a = calls.neighbours(calls.find_name("a.c:2"));
  CHECK(words_of(calls, a.callers) == "main.c:1=100/1 b.c:3=20/1 ");
  CHECK(words_of(calls, a.callees) == "b.c:3=120/2 ");
  const auto main = calls.neighbours(calls.find_name("main.c:1"));
  CHECK(words_of(calls, main.callers) == "-=160/4 ");
  CHECK(main.own.after.count == 0);
  CHECK(calls.find_name("nowhere.c:1") == kNowhere);
}

TEST_CASE("tracebacks of a place, biggest first") {
  const Snapshot snapshot = snapshot_of(kCallRows);
  const CallTree calls(traceback_tree(snapshot, {}), GroupBy::lineno);
  const auto tracebacks = calls.tracebacks(calls.find_name("b.c:3"));
  REQUIRE(tracebacks.size() == 2);
  CHECK(tracebacks[0].amounts.after.size == 100);
  const auto frames = calls.frames(tracebacks[0].node);
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].function == "b");
  CHECK(frames[2].function == "main");
}

TEST_CASE("of two snapshots, the biggest change is first") {
  const Snapshot before =
      snapshot_of("0 500 5 m.c:1 a.c:1\n0 10 1 m.c:1 b.c:2\n0 90 9 m.c:1 c.c:3\n");
  const Snapshot after = snapshot_of("0 510 5 m.c:1 a.c:1\n0 60 6 m.c:1 b.c:2\n");
  const CallTree calls(traceback_tree(before, after, {}), GroupBy::filename);
  const auto main = calls.neighbours(calls.find_name("m.c:0"));
  CHECK(words_of(calls, main.callees) == "c.c:0=0/0 b.c:0=60/6 a.c:0=510/5 ");
  CHECK(main.total.size_diff() == -30);
}

}  // namespace
}  // namespace memtrace
