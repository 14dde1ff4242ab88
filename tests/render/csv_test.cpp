#include <doctest/doctest.h>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace {
namespace {

using test::rendered;
using test::snapshot_of;

std::string top_by(const Snapshot& snapshot, GroupBy group_by, const Style& style = {}) {
  Selection selection;
  selection.group_by = group_by;
  return rendered("csv", top(snapshot, selection), style);
}

TEST_CASE("one line a group, and CR LF at its end") {
  const Snapshot snapshot = snapshot_of("0 100 3 main.py:1@main b.py:2@run\n0 7 1 libx.so+0x1f\n");
  CHECK(top_by(snapshot, GroupBy::lineno) ==
        "rank,size,count,average,filename,lineno,function,module\r\n"
        "1,100,3,33.333333333333336,b.py,2,run,\r\n"
        "2,7,1,7,libx.so+0x1f,,,libx.so\r\n");
  CHECK(top_by(snapshot, GroupBy::traceback) ==
        "rank,size,count,average,traceback\r\n"
        "1,100,3,33.333333333333336,main.py:1;b.py:2\r\n"
        "2,7,1,7,libx.so+0x1f\r\n");
}

TEST_CASE("domains have columns of their own") {
  const Snapshot snapshot = snapshot_of("5 100 3 a.py:1\n");
  CHECK(top_by(snapshot, GroupBy::domain) ==
        "rank,size,count,average,domain,domain_name\r\n"
        "1,100,3,33.333333333333336,5,\r\n");
}

TEST_CASE("a difference has four numbers more") {
  const Snapshot before = snapshot_of("0 100 3 gone.py:2\n");
  const Snapshot after = snapshot_of("0 5 1 new.py:1\n");
  CHECK(rendered("csv", diff(before, after, {})) ==
        "rank,size,size_diff,count,count_diff,average,filename,lineno,function,module\r\n"
        "1,0,-100,0,-3,0,gone.py,2,,\r\n"
        "2,5,5,1,1,5,new.py,1,,\r\n");
}

TEST_CASE("fields are quoted where they must be, and only there") {
  const auto filename = [](const std::string& name, const Style& style = {}) {
    const Snapshot snapshot = snapshot_of("0 1 1 " + name + ":1\n");
    const std::string text = top_by(snapshot, GroupBy::lineno, style);
    const std::string start = "\r\n1,1,1,1,";
    const std::size_t begin = text.find(start) + start.size();
    return text.substr(begin, text.rfind(",1,,\r\n") - begin);
  };
  CHECK(filename("a,b") == "\"a,b\"");
  CHECK(filename("say\"hi\"") == "\"say\"\"hi\"\"\"");
  CHECK(filename("=1+1") == "=1+1");
  CHECK(filename("a;b'c") == "a;b'c");
  CHECK(filename("a\x1b.py") == "a\x1b.py");
  CHECK(filename("a\x1b.py", {.terminal = true}) == "a\\x1b.py");
}

TEST_CASE("no groups: the header alone") {
  CHECK(top_by(snapshot_of(""), GroupBy::lineno) ==
        "rank,size,count,average,filename,lineno,function,module\r\n");
}

}  // namespace
}  // namespace memtrace
