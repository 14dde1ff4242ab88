#include "render/escape.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace memtrace {
namespace {

using namespace std::string_literals;

TEST_CASE("control characters become visible") {
  CHECK(escaped("\x1b[31mred\x07") == "\\x1b[31mred\\x07");
  CHECK(escaped("a\nb\rc\td"s) == "a\\nb\\rc\\td");
  CHECK(escaped("\0\x7f"s) == "\\x00\\x7f");
  CHECK(escaped("\u009b2J") == "\\x9b2J");
}

TEST_CASE("what reorders or hides text becomes visible") {
  CHECK(escaped("\u202egpj.exe\u2066x\u2069") == "\\u202egpj.exe\\u2066x\\u2069");
  CHECK(escaped("a\u200bb\ufeff\u2028") == "a\\u200bb\\ufeff\\u2028");
  CHECK(escaped("\U000e0041") == "\\U000e0041");
}

TEST_CASE("surrogates and bytes that are no UTF-8 differ") {
  CHECK(escaped("\xed\xb2\x80") == "\\udc80");
  CHECK(escaped("\xff\x80|\xc3") == "\\xff\\x80|\\xc3");
  CHECK(escaped("\xc0\xaf") == "\\xc0\\xaf");  // an overlong slash
}

TEST_CASE("other text stays") {
  for (const char* text : {"", "plain/path.py", "中文", "e\u0301", "👩\u200d🚀", "C:\\x"}) {
    CHECK(escaped(text) == text);
  }
}

TEST_CASE("a command reads as a shell would take it") {
  CHECK(shell_words(std::array{"python3"s, "-c"s, "print('hi')"s, ""s}) ==
        "python3 -c 'print('\\''hi'\\'')' ''");
  CHECK(shell_words(std::array{"a\nb"s}) == "'a\\nb'");
}

TEST_CASE("Markdown code cannot end itself, its table cell or its line") {
  CHECK(markdown_code("/usr/lib/a_b.py:5") == "`/usr/lib/a_b.py:5`");
  CHECK(markdown_code("a|b") == "<code>a&#124;b</code>");
  CHECK(markdown_code("a`b") == "<code>a&#96;b</code>");
  CHECK(markdown_code("<frozen x>") == "<code>&lt;frozen x&gt;</code>");
  CHECK(markdown_code("</code><script>&") == "<code>&lt;/code&gt;&lt;script&gt;&amp;</code>");
  CHECK(markdown_code("a\n# b") == "`a\\n# b`");
  CHECK(markdown_code(" a ") == "`  a  `");
  CHECK(markdown_code("") == "<code></code>");
}

TEST_CASE("within HTML code, Markdown has nothing to hold on to") {
  CHECK(html_code("*a*_b_[c](d)!") == "<code>&#42;a&#42;&#95;b&#95;&#91;c&#93;(d)&#33;</code>");
  CHECK(html_code("http://www.x") == "<code>http&#58;//www&#46;x</code>");
  CHECK(html_code("中.py:1") == "<code>中.py:1</code>");
}

}  // namespace
}  // namespace memtrace
