// Globs and patterns. The oracle test compares many more with Python's fnmatch.
#include <doctest/doctest.h>

#include "mtrace/selection.hpp"

namespace memtrace::test {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Glob(pattern).matches(text);
}

TEST_CASE("a star matches anything, also slashes, newlines and a leading dot") {
  CHECK(matches("*", ""));
  CHECK(matches("*/json/*", "/usr/lib/python3.11/json/decoder.py"));
  CHECK(matches("a*b*c", "a/x\n.b..c"));
  CHECK_FALSE(matches("a*b*c", "a/x\n.b..cd"));
  CHECK(matches("*.py", ".py"));
  CHECK(matches("**a**", "bab"));
}

TEST_CASE("a question mark is one code point") {
  CHECK(matches("?", "é"));
  CHECK(matches("?", "\xED\xA0\x80"));  // a lone surrogate
  CHECK(matches("?", "\xFF"));          // no UTF-8 at all
  CHECK_FALSE(matches("?", ""));
  CHECK_FALSE(matches("?", "ab"));
}

TEST_CASE("sets") {
  CHECK(matches("[abc]", "b"));
  CHECK_FALSE(matches("[!abc]", "b"));
  CHECK(matches("[!abc]", "d"));
  CHECK(matches("[a-c]x", "bx"));
  CHECK(matches("[^a]", "^"));
  CHECK(matches("[^a]", "a"));
  CHECK_FALSE(matches("[^a]", "b"));
  CHECK(matches("[]]", "]"));
  CHECK(matches("[!]]", "a"));
  CHECK(matches("[a-]", "-"));
  CHECK(matches("[а-я]", "ж"));
}

TEST_CASE("an unclosed bracket is literal, and a backslash escapes nothing") {
  CHECK(matches("[", "["));
  CHECK(matches("[!", "[!"));
  CHECK(matches("a[b", "a[b"));
  CHECK(matches("\\*", "\\x"));
  CHECK(matches("[[:alpha:]]", "a]"));
}

TEST_CASE("a range the wrong way round is empty") {
  CHECK_FALSE(matches("[b-a]", "a"));
  CHECK_FALSE(matches("[b-a]", "b"));
  CHECK(matches("[!b-a]", "x"));
  CHECK(matches("[b-ac]", "c"));
  CHECK(matches("[b-a!c]", "x"));  // the `!` has come to the front
  CHECK_FALSE(matches("[b-a!c]", "c"));
}

TEST_CASE("many stars stay quick") {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "*a";
  CHECK_FALSE(matches(pattern + "b", std::string(2000, 'a')));
}

TEST_CASE("a pattern may end in a line") {
  CHECK(Pattern("*.py:12").lineno() == 12);
  CHECK(Pattern("*.py:12").matches_filename("x.py"));
  CHECK_FALSE(Pattern("*.py").lineno().has_value());
  CHECK_FALSE(Pattern("*.py:").lineno().has_value());
  CHECK_FALSE(Pattern("*:x1").lineno().has_value());
  CHECK_FALSE(Pattern("a:99999999999").lineno().has_value());
  CHECK(Pattern("a:99999999999").matches_filename("a:99999999999"));
}

TEST_CASE(".pyc reads as .py, in names and in patterns") {
  CHECK(Pattern("x.pyc").matches_filename("x.py"));
  CHECK(Pattern("x.py").matches_filename("x.pyc"));
  CHECK(Pattern("x.pyc:3").matches_filename("x.py"));
  CHECK_FALSE(Pattern("*.pyc").matches_filename("x.c"));
}

}  // namespace
}  // namespace memtrace::test
