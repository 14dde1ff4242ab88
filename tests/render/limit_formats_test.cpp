// The formats for CI, on made-up measurements. What a check prints is in tests/cli/golden.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "render/rendered.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

// One measurement over its limit for each name; its lines are those of the report.
Document document_of(const TopReport& report, const std::vector<std::string>& names) {
  Document document{.schema = "mtrace.check/1", .title = "Check"};
  document.heading = {{.text = "over budget", .headline = true}};
  for (const std::string& name : names) {
    Measurement measurement{.name = name,
                            .limit = "max_size",
                            .measure = "size per line",
                            .unit = "bytes",
                            .value = 30,
                            .severity = static_cast<double>(document.measurements.size()),
                            .is_over = true,
                            .verdict = "30 B: 100%\nof it"};
    for (const Statistic& each : report.statistics) {
      measurement.lines.push_back({{&report, each.group}, Sentence("here")});
    }
    measurement.file = "mtrace.toml";
    measurement.lineno = 7;
    document.measurements.push_back(std::move(measurement));
  }
  return document;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TEST_CASE("GitHub gets escaped properties and messages") {
  const Snapshot snapshot = snapshot_of("0 30 1 a,b:c%.py:3\n");
  const TopReport report = top(snapshot, {});
  const auto lines = lines_of(rendered("github", document_of(report, {"x:1,\n%"})));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "::error file=a%2Cb%3Ac%25.py,line=3,title=over budget%3A x%3A1%2C\\n%25::"
        "30 B: 100%25%0Aof it; here");
  CHECK(lines[1] == "mtrace check: over budget");
}

TEST_CASE("GitHub gets ten annotations: the worst of each limit first, then their second lines") {
  std::string text;
  for (int i = 1; i <= 8; ++i)
    text += "0 " + std::to_string(10 - i) + " 1 a.py:" + std::to_string(i) + "\n";
  const Snapshot snapshot = snapshot_of(text);
  const TopReport report = top(snapshot, {});
  const auto lines = lines_of(rendered("github", document_of(report, {"mild", "middle", "worst"})));
  REQUIRE(lines.size() == 11);
  const auto begins = [&](std::size_t line, int lineno, const std::string& name) {
    return lines[line].starts_with("::error file=a.py,line=" + std::to_string(lineno) +
                                   ",title=over budget%3A " + name + "::");
  };
  CHECK(begins(0, 1, "worst"));
  CHECK(begins(1, 1, "middle"));
  CHECK(begins(2, 1, "mild"));
  CHECK(begins(3, 2, "worst"));
  CHECK(begins(9, 4, "worst"));
}

TEST_CASE("files are relative to the repository, or there is none") {
  const auto annotated = [](const std::string& file, const Style& style) {
    const Snapshot snapshot = snapshot_of("0 30 1 " + file + ":3\n");
    const TopReport report = top(snapshot, {});
    const std::string line =
        lines_of(rendered("github", document_of(report, {"b"}), style)).front();
    return line.substr(8, line.find("title=") - 8);
  };
  const Style style{.working_folder = "/work/repo/sub", .repository = "/work/repo"};
  CHECK(annotated("/work/repo/src/a.py", style) == "file=src/a.py,line=3,");
  CHECK(annotated("a.py", style) == "file=sub/a.py,line=3,");
  CHECK(annotated("../a.py", style) == "file=a.py,line=3,");
  CHECK(annotated("/work/repo/../repo/a.py", style) == "file=a.py,line=3,");
  // What is elsewhere is annotated where the limit is written.
  CHECK(annotated("/work/repository/a.py", style) == "file=sub/mtrace.toml,line=7,");
  CHECK(annotated("../../a.py", style) == "file=sub/mtrace.toml,line=7,");
  CHECK(annotated("<frozen>", style) == "file=sub/mtrace.toml,line=7,");
  CHECK(annotated("/src/a.py", {.strip_prefixes = {"/src"},
                                .working_folder = "/work/repo/sub",
                                .repository = "/work/repo"}) == "file=a.py,line=3,");
  CHECK(annotated("/src/a.py", {}) == "file=mtrace.toml,line=7,");
  CHECK(annotated("a.py", {}) == "file=a.py,line=3,");
}

TEST_CASE("JUnit's XML holds any name") {
  const Snapshot snapshot = snapshot_of("0 30 1 <a>&\x01.py:3\n");
  const TopReport report = top(snapshot, {});
  const std::string xml = rendered("junit", document_of(report, {"\"x\"<\x1b"}));
  CHECK(xml.find("classname=\"&quot;x&quot;&lt;\\x1b\"") != std::string::npos);
  CHECK(xml.find("&lt;a&gt;&amp;\\x01.py:3: here") != std::string::npos);
  CHECK(xml.find("tests=\"1\" failures=\"1\"") != std::string::npos);
}

TEST_CASE("measurements over many commits have one name each") {
  const Snapshot snapshot = snapshot_of("0 30 1 a.py:3\n");
  const TopReport report = top(snapshot, {});
  Document document = document_of(report, {"a", "b\"", "a"});
  document.measurements[1].error = 4;
  document.measurements[2].measure = "count";
  const auto benchmark = nlohmann::json::parse(rendered("benchmark", document));
  REQUIRE(benchmark.size() == 3);
  CHECK(benchmark[1]["name"] == "b\": size per line");
  CHECK(benchmark[1]["range"] == "± 4");
  CHECK(benchmark[1]["value"] == 30);
  CHECK_FALSE(benchmark[0].contains("range"));
  CHECK(nlohmann::json::parse(rendered("bmf", document)) == nlohmann::json::parse(R"({
    "a": {"size-per-line": {"value": 30}, "count": {"value": 30}},
    "b\"": {"size-per-line": {"value": 30, "lower_value": 26, "upper_value": 34}}})"));
}

}  // namespace
}  // namespace memtrace::test
