// What the reader of tracemalloc dumps takes, and what it makes of it.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "mtrace/read.hpp"
#include "read/pickled.hpp"

namespace memtrace::test {
namespace {

const std::string kTestdata = std::string(MTRACE_TESTDATA_DIR) + "/tracemalloc/";

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("traces of four items, the most recent frame first") {
  const std::string traceback = frame("new.py", 2) + frame("old.py", 1) + op::tuple2;
  const Snapshot snapshot = read_dump(dump_of_list(
      op::mark + op::int1(0) + op::int2(300) + traceback + op::int1(2) + op::tuple +  //
      op::mark + op::int1(0) + op::int4(70000) + frame("old.py", 1) + op::tuple1 + op::int1(1) +
      op::tuple));
  CHECK(rows_of(snapshot) == "0 300 1 old.py:1 new.py:2\n0 70000 1 old.py:1\n");
  CHECK(snapshot.metadata.kind == SnapshotKind::tracemalloc);
  CHECK(snapshot.metadata.traceback_limit == 5);
  CHECK(snapshot.metadata.current == 70300);
  CHECK(snapshot.metadata.losses == Losses());
  CHECK(snapshot.domains[DomainId{0}] == Domain{0, "python"});
  CHECK_FALSE(snapshot.rows[Metric::peak].has_value());
  CHECK_FALSE(snapshot.rows[Metric::total].has_value());
}

TEST_CASE("traces of three items, as up to Python 3.8") {
  const std::string trace = op::int1(0) + op::int1(10) + frame("a.py", 1) + op::tuple1 + op::tuple3;
  CHECK(rows_of(read_dump(dump_of_list(trace))) == "0 10 1 a.py:1\n");
  CHECK(rows_of(read_dump(dump(op::empty_list + trace + op::append))) == "0 10 1 a.py:1\n");
}

TEST_CASE("blocks of one traceback and domain are folded, memoized or not") {
  const std::string traceback = frame("a.py", 1) + op::tuple1;
  const auto trace = [](int domain, int size, const std::string& its_traceback) {
    return op::mark + op::int1(static_cast<std::uint64_t>(domain)) +
           op::int1(static_cast<std::uint64_t>(size)) + its_traceback + op::int1(1) + op::tuple;
  };
  const Snapshot snapshot = read_dump(
      dump_of_list(trace(0, 1, traceback + op::memoize) + trace(0, 2, op::get1(0)) +
                   trace(0, 4, traceback) + trace(7, 8, op::get4(0)) + op::memoize + op::get1(1) +
                   op::get1(1) + trace(0, 16, op::get1(0)) + trace(7, 32, op::get1(0))));
  CHECK(rows_of(snapshot) == "0 23 4 a.py:1\n7 56 4 a.py:1\n");
  CHECK(snapshot.domains[DomainId{1}] == Domain{7, ""});
  CHECK(snapshot.tracebacks.frames.size() == 1);
  CHECK(snapshot.tracebacks.strings.size() == 1);
}

TEST_CASE("long runs of traces, with one in the middle that is not like the others") {
  const std::string first = op::mark + op::int1(0) + op::int1(1) + frame("a.py", 1) + op::tuple1 +
                            op::memoize + op::int1(1) + op::tuple + op::memoize;
  const std::string plain =
      op::mark + op::int1(0) + op::int1(1) + op::get1(0) + op::int1(1) + op::tuple + op::memoize;
  const std::string odd = op::mark + op::int1(0) + op::long1(0x1'0000'0000) + op::get4(0) +
                          op::int2(9) + op::tuple + op::memoize;
  for (const std::size_t size : {1U, 2U, 62U, 63U, 64U, 65U, 200U}) {
    std::string traces = first;
    for (std::size_t i = 0; i < size; ++i) traces += i == size / 3 ? odd : plain;
    traces += op::get4(size + 1);  // the last one again
    constexpr std::uint64_t kOddSize = 0x1'0000'0000;
    const auto total = std::to_string(size + kOddSize + (size == 1 ? kOddSize : 1));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
      const Snapshot snapshot = read_dump(dump_of_list(traces), piece);
      CHECK(rows_of(snapshot) == "0 " + total + " " + std::to_string(size + 2) + " a.py:1\n");
      CHECK(snapshot.metadata.losses.truncated_tracebacks == (size == 1 ? 2 : 1));
    }
  }
}

TEST_CASE("traces and tracebacks of long ago are found again") {
  const auto first = [](int number) {
    return op::mark + op::int1(0) + op::int1(1) + frame("a.py", number) + op::tuple1 + op::memoize +
           op::int1(1) + op::tuple + op::memoize;
  };
  std::string traces = first(0) + first(1);
  constexpr int kTraces = 40'000;
  for (std::uint64_t i = 0; i < kTraces; ++i) {
    traces += op::mark + op::int1(0) + op::int2(i) + op::get1(i % 2 == 0 ? 0 : 2) +
              op::int1(i % 4 == 0 ? 2 : 1) + op::tuple + op::memoize;
  }
  for (std::uint64_t i = 4; i < kTraces + 4; ++i) traces += op::get4(i);
  const Snapshot snapshot = read_dump(dump_of_list(traces));
  CHECK(rows_of(snapshot) == "0 799960001 40001 a.py:0\n0 800000001 40001 a.py:1\n");
  CHECK(snapshot.metadata.losses.truncated_tracebacks == kTraces / 2);
}

TEST_CASE("a traceback without frames is the unknown frame") {
  const Snapshot snapshot = read_dump(dump_of_list(op::mark + op::int1(0) + op::int1(9) +
                                                   op::empty_tuple + op::int1(3) + op::tuple));
  CHECK(rows_of(snapshot) == "0 9 1 <unknown>:0\n");
  CHECK(snapshot.metadata.losses.truncated_tracebacks == 1);
}

TEST_CASE("no traces at all") {
  for (const std::string& traces : {op::empty_list, op::empty_tuple}) {
    const Snapshot snapshot = read_dump(dump(traces));
    CHECK(snapshot.rows.size() == 0);
    CHECK(snapshot.rows[Metric::live].has_value());
    CHECK(snapshot.metadata.current == 0);
  }
}

TEST_CASE("the largest numbers") {
  constexpr std::uint64_t kMost = 0xFFFFFFFF;
  const auto trace = [](std::uint64_t domain, std::uint64_t size, std::uint64_t lineno) {
    return op::long1(domain) + op::long1(size) + op::text("a.py") + op::long1(lineno) + op::tuple2 +
           op::tuple1 + op::tuple3;
  };
  CHECK(rows_of(read_dump(dump_of_list(trace(kMost, 0x7FFFFFFFFFFFFFFF, kMost)))) ==
        "4294967295 9223372036854775807 1 a.py:4294967295\n");
  CHECK(rows_of(read_dump(dump_of_list(trace(0, 0xFFFFFFFF, 0) + trace(0, 0x1'0000'0000, 0)))) ==
        "0 8589934591 2 a.py:0\n");
  CHECK(read_dump(dump(op::empty_list, op::long1(65535, 3))).metadata.traceback_limit == 65535);
}

TEST_CASE("file names are any text, also a word of the dump's own, also lone surrogates") {
  const auto name_is_kept = [](const std::string& name) {
    const std::string expected = "0 1 1 " + name + ":1\n";
    for (const std::string& text : {op::text(name), op::text8(name)}) {
      const std::string trace =
          op::int1(0) + op::int1(1) + text + op::int1(1) + op::tuple2 + op::tuple1 + op::tuple3;
      CHECK(rows_of(read_dump(dump_of_list(trace))) == expected);
      CHECK(rows_of(read_dump(dump_of_list(trace), 1)) == expected);
    }
  };
  name_is_kept("");
  name_is_kept("traces");
  name_is_kept("caf\xC3\xA9/\xE2\x82\xAC/\xF0\x9F\x90\x8D/\xF4\x8F\xBF\xBF.py");
  name_is_kept("\xED\xA0\x80.py");              // U+D800
  name_is_kept("a\xED\xB3\xBF");                // U+DCFF, an undecodable byte in a file name
  name_is_kept("\xED\xA0\xBD\xED\xB0\x8D.py");  // two surrogates that were never made one character
  name_is_kept(std::string(300'000, 'x') + "\xED\xB3\xBF");  // longer than the window
}

TEST_CASE("each way to number objects and to frame them") {
  const std::string traced = frame("a.py", 1) + op::tuple1;
  const std::string rest = op::int1(1) + op::tuple;
  const std::string before = op::mark + op::int1(0) + op::int1(1);
  const std::string expected = "0 2 2 a.py:1\n";
  for (const std::string& memoize : {op::memoize, op::put1(0), op::put4(0),
                                     op::frame(0) + op::memoize, op::frame(0) + op::put1(0)}) {
    CHECK(rows_of(read_dump(dump_of_list(before + traced + memoize + rest + before + op::get1(0) +
                                         rest))) == expected);
  }
}

TEST_CASE("every Python's dump") {
  for (const char* const version : {"3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"}) {
    CAPTURE(version);
    const std::string bytes = content_of(kTestdata + "python" + version + ".pickle");
    const Snapshot snapshot = read_dump(bytes);
    const std::string rows = rows_of(snapshot);
    CHECK(has_line(rows,
                   "0 21140 40 /srv/app/main.py:5 /srv/app/worker.py:14 "
                   "/srv/app/worker.py:6"));
    // The oldest frames of a recursion are cut off.
    CHECK(has_line(rows,
                   "0 50057 2 /srv/app/worker.py:10 /srv/app/worker.py:10 "
                   "/srv/app/worker.py:10 /srv/app/worker.py:10 /srv/app/worker.py:12"));
    CHECK(rows.find("/srv/app/d\xC3\xA9p\xC3\xB4t/deeper.py:3") != std::string::npos);
    CHECK(snapshot.metadata.traceback_limit == 5);
    // Up to 3.8, nobody counted what was cut off.
    const bool counted = version[3] != '\0' || version[2] == '9';
    CHECK((snapshot.metadata.losses.truncated_tracebacks > 0) == counted);
    CHECK(rows_of(read_dump(bytes, 1)) == rows);
  }
}

TEST_CASE("every way to pickle a snapshot, and to compress it") {
  const std::string expected = rows_of(read_snapshot(kTestdata + "python3.13.pickle"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTestdata)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("python")) continue;
    CAPTURE(name);
    CHECK(rows_of(read_snapshot(entry.path())) == expected);
    ++files;
  }
  CHECK(files == 15);
}

TEST_CASE("a dump is known by its first two bytes") {
  const auto is_dump = [](std::string_view bytes) {
    return with_input(bytes, 1,
                      [](OpenInput& input) { return kTracemallocDump.recognizes(input); });
  };
  for (const char* const start : {"\x80", "\x80\x02", "\x80\x05", "\x80\x06"}) {
    CHECK(is_dump(start));
  }
  for (const char* const start : {"", "\x81\x04", "\x80\x7F", "\x80\x80", "(lp0", "PK"}) {
    CHECK_FALSE(is_dump(start));
  }
}

TEST_CASE("info looks at the start only") {
  const auto info = [](std::string_view bytes) {
    return with_input(bytes, bytes.size(),
                      [](OpenInput& input) { return kTracemallocDump.info(input, false); });
  };
  const SnapshotInfo found = info(kUpToTraces);
  CHECK(found.kind == SnapshotKind::tracemalloc);
  CHECK(found.format == "pickle protocol 4");
  CHECK_FALSE(found.counts.has_value());
  CHECK_THROWS_WITH_AS(info(op::protocol(4) + op::global("os", "system")),
                       "class os.system is not part of a tracemalloc dump, at byte 2", Error);
  CHECK_THROWS_WITH_AS(info(op::protocol(4) + op::int1(1) + op::stop),
                       "the pickle does not begin with tracemalloc.Snapshot, at byte 4", Error);
}

TEST_CASE("a metric that a dump does not have") {
  const auto read = [](Metric metric) {
    const std::string bytes = dump(op::empty_list);
    return with_input(bytes, bytes.size(), [&](OpenInput& input) {
      return kTracemallocDump.read(input, {.metric = metric, .progress = {}});
    });
  };
  CHECK(read(Metric::live).metadata.current == 0);
  CHECK_THROWS_WITH_AS(read(Metric::peak),
                       "a tracemalloc dump has no peak metric: it records only what is alive",
                       Error);
  CHECK_THROWS_WITH_AS(read(Metric::total),
                       "a tracemalloc dump has no total metric: it records only what is alive",
                       Error);
}

}  // namespace
}  // namespace memtrace::test
