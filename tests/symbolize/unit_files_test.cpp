#include "symbolize/unit_files.hpp"

#include <doctest/doctest.h>

namespace memtrace::test {
namespace {

TEST_CASE("one name for one file") {
  CHECK(tidy_path("/a/b.c") == "/a/b.c");
  CHECK(tidy_path("/a/./b//c.c") == "/a/b/c.c");
  CHECK(tidy_path("/a/b/../c.c") == "/a/c.c");
  CHECK(tidy_path("/usr/lib/gcc/x/12/../../../../include/c++/12/vector") ==
        "/usr/include/c++/12/vector");
  CHECK(tidy_path("/../../a.c") == "/a.c");
  CHECK(tidy_path("/a/..") == "/");
}

TEST_CASE("relative paths stay relative") {
  CHECK(tidy_path("a/../b.c") == "b.c");
  CHECK(tidy_path("../../a/../b.c") == "../../b.c");
  CHECK(tidy_path("a/../../b.c") == "../b.c");
  CHECK(tidy_path("./b.c") == "b.c");
  CHECK(tidy_path("") == "");
}

}  // namespace
}  // namespace memtrace::test
