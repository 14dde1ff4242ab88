// A new report is printed by every format, and a new format prints every report: toy_report.hpp and
// toy_format.hpp are all that either of them takes.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "mtrace/error.hpp"
#include "render/rendered.hpp"
#include "render/toy_format.hpp"
#include "render/toy_report.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

const ToyReport kReport = {
    {{"a<b", {{"shop", {1024, 2048, 4096}, 256, true}, {"mail\x1b", {5, 3}}}}, {"none", {}}}};

TEST_CASE("a long course is a short line of bars") {
  const auto quote = [](std::string_view text) { return std::string(text); };
  std::vector<std::int64_t> values(48, 700);
  values[0] = values[1] = 0;
  values[46] = 0;  // beside 700: their mean is half
  const std::string bars = words_of(Course(values), {.unit = Unit::series}, {}, quote);
  std::string expected = "▁";
  for (int i = 0; i < 22; ++i) expected += "█";
  CHECK(bars == expected + "▅");
  CHECK(words_of(Course(), {.unit = Unit::series}, {}, quote).empty());
}

TEST_CASE("a new report as a table") {
  CHECK(rendered("table", lay_out(kReport)) ==
        "what grows\n"
        "\n"
        "services of a<b\n"
        "\n"
        "   size  error    change  course  verdict  service\n"
        "4.0 KiB  ±16 B  +3.0 KiB  ▃▅█     UP       shop\n"
        "    3 B   ±0 B      -2 B  █▅      flat     mail\\x1b\n"
        "… and no more\n"
        "\n"
        "all is well\n"
        "\n"
        "services of none\n"
        "\n"
        "no services\n"
        "… and no more\n"
        "\n"
        "all is well\n");
  const std::string colored = rendered("table", lay_out(kReport), {.color = true});
  CHECK(colored.find("\x1b[1m4.0 KiB\x1b[0m  ±16 B  \x1b[31m+3.0 KiB\x1b[0m  ▃▅█     "
                     "\x1b[31mUP\x1b[0m       shop\n"
                     "    \x1b[1m3 B\x1b[0m   ±0 B      \x1b[32m-2 B\x1b[0m  █▅      flat     ") !=
        std::string::npos);
}

TEST_CASE("a new report as text") {
  CHECK(rendered("text", lay_out(kReport)) ==
        "shop: verdict=growing, size=4096 B (+3072 B), sizes=▃▅█\n"
        "mail\x1b: verdict=flat, size=3 B (-2 B), sizes=█▅\n");
}

TEST_CASE("a new report as CSV") {
  CHECK(rendered("csv", lay_out(kReport)) ==
        "name,verdict,size,change,sizes,size_error\r\n"
        "shop,growing,4096,3072,1024;2048;4096,16\r\n"
        "mail\x1b,flat,3,-2,5;3,0\r\n"
        "\r\n"
        "name,verdict,size,change,sizes,size_error\r\n");
}

TEST_CASE("a new report as JSON") {
  CHECK(nlohmann::json::parse(rendered("json", lay_out(kReport))) == nlohmann::json::parse(R"({
    "schema": "mtrace.toy/1",
    "teams": 2,
    "sections": [
      {"team": "a<b",
       "services": [
         {"name": "shop", "verdict": "growing", "size": 4096, "change": 3072,
          "standard_error": {"size": 16}, "sizes": [1024, 2048, 4096]},
         {"name": "mail\u001b", "verdict": "flat", "size": 3, "change": -2,
          "standard_error": {"size": 0}, "sizes": [5, 3]}],
       "rest": {"services": 0}},
      {"team": "none", "services": [], "rest": {"services": 0}}]})"));
}

TEST_CASE("a new report as a comment") {
  CHECK(rendered("markdown", lay_out(kReport)) ==
        "### Services\n"
        "\n"
        "**all is well**\n"
        "\n"
        "**all is well**\n"
        "\n"
        "- what grows\n"
        "\n"
        "- services of <code>a&lt;b</code>\n"
        "\n"
        "| Size | Change | Course | Verdict | Service |\n"
        "| ---: | ---: | :--- | :--- | :--- |\n"
        "| 4.0 KiB ±16 B | +3.0 KiB | ▃▅█ | UP | `shop` |\n"
        "| 3 B ±0 B | -2 B | █▅ | flat | `mail\\x1b` |\n"
        "\n"
        "… and no more\n"
        "\n"
        "- services of `none`\n"
        "\n"
        "no services\n"
        "\n"
        "… and no more\n"
        "\n");
}

TEST_CASE("rows are asked for, never held") {
  Section section{.rows_key = "rows", .fields = {{"n", "n", "n", 1, Unit::number}}};
  section.rows = [](const PrintRow& print) {
    for (std::int64_t i = 0; i < 300'000; ++i) print(std::array<Cell, 1>{i});
  };
  Document document{.schema = "mtrace.many/1", .title = "Many"};
  document.sections.push_back(std::move(section));
  class LongestPiece : public Sink {
   public:
    void write(std::string_view text) override { longest = std::max(longest, text.size()); }
    std::size_t longest = 0;
  };
  for (const Renderer& renderer : renderers()) {
    if (renderer.needs_measurements) continue;
    CAPTURE(renderer.name);
    LongestPiece sink;
    render(renderer, document, {}, sink);
    CHECK(sink.longest > 0);
    CHECK(sink.longest < 100'000);
  }
}

TEST_CASE("what shows limits refuses a report that has none") {
  for (const Renderer& renderer : renderers()) {
    if (!renderer.needs_measurements) continue;
    StringSink sink;
    const std::string refusal =
        "--format " + std::string(renderer.name) + " shows limits, which this report does not have";
    CHECK_THROWS_WITH_AS(render(renderer, lay_out(kReport), {}, sink), refusal.c_str(), Error);
    CHECK(sink.text().empty());
  }
}

TEST_CASE("a new format gets the tree that it needs") {
  const Snapshot snapshot = snapshot_of("0 100 3 m.py:1 a.py:2\n0 10 1 m.py:1\n");
  const TopReport report = top(snapshot, {});
  Document document = lay_out(report, "app.zst");
  document.tree = [&] { return traceback_tree(snapshot, {}); };
  StringSink sink;
  render(kFolded, document, {}, sink);
  CHECK(sink.text() == "m.py:1 10/110\nm.py:1;a.py:2 100/100\n");
}

TEST_CASE("what is not known is left out, empty or null") {
  Section section{.rows_key = "rows",
                  .fields = {{"name", "name", "name", 3},
                             {"verdict", "", "", 2, Unit::verdict},
                             {"size", "size", "size", 1, Unit::bytes}}};
  section.rows = [](const PrintRow& print) { print(std::array<Cell, 3>{"a"}); };
  Document document{.schema = "mtrace.unknown/1", .title = "Unknown"};
  document.sections.push_back(std::move(section));
  CHECK(rendered("table", document) == "size  name\n      a\n");
  CHECK(rendered("text", document) == "a\n");
  CHECK(rendered("csv", document) == "name,size\r\na,\r\n");
  CHECK(rendered("json", document).find(R"({"name": "a", "verdict": null, "size": null})") !=
        std::string::npos);
  CHECK(rendered("markdown", document).find("|  | `a` |\n") != std::string::npos);
}

TEST_CASE("a report that does not have what a format needs is an error") {
  StringSink sink;
  CHECK_THROWS_WITH_AS(render(kFolded, lay_out(kReport), {}, sink),
                       "--format folded shows tracebacks, which this report does not have", Error);
  CHECK(sink.text().empty());
}

}  // namespace
}  // namespace memtrace::test
