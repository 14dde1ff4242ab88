#include "render/escape.hpp"

#include <doctest/doctest.h>

namespace memtrace {
namespace {

TEST_CASE("width is counted in terminal cells") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("中文.py") == 7);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("…") == 1);
}

TEST_CASE("a wide character is not cut in half") {
  CHECK(prefix_of_width("中文", 3) == "中");
  CHECK(suffix_of_width("中文", 3) == "文");
  CHECK(prefix_of_width("abc", 9) == "abc");
  CHECK(suffix_of_width("abc", 2) == "bc");
  CHECK(suffix_of_width("abc", 0).empty());
}

TEST_CASE("a combining character stays with its base") {
  CHECK(prefix_of_width("ae\u0301b", 2) == "ae\u0301");
  CHECK(suffix_of_width("ae\u0301b", 1) == "b");
  CHECK(suffix_of_width("\u0301b", 1) == "\u0301b");  // nothing was cut
}

TEST_CASE("what is cut at the end says so") {
  CHECK(shortened_end("abcdef", 0) == "abcdef");
  CHECK(shortened_end("abcdef", 6) == "abcdef");
  CHECK(shortened_end("abcdef", 4) == "abc…");
  CHECK(shortened_end("中文中文", 4) == "中…");
  CHECK(shortened_end("abc", 1) == "…");
}

TEST_CASE("colour is only there when asked for") {
  CHECK(painted("x", Emphasis::worse, false) == "x");
  CHECK(painted("x", Emphasis::none, true) == "x");
  CHECK(painted("x", Emphasis::worse, true) == "\x1b[31mx\x1b[0m");
  CHECK(painted("", Emphasis::worse, true).empty());
}

}  // namespace
}  // namespace memtrace
