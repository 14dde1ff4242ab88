#include "page/page_data.hpp"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "mtrace/snapshot_builder.hpp"
#include "page/page.hpp"
#include "render/layout.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

using nlohmann::json;

class PageText : public Sink {
 public:
  void write(std::string_view text) override { all += text; }
  std::string all;
};

PageInput page_of(const Snapshot& snapshot) {
  static const Document heading;
  return {.snapshots = {&snapshot}, .paths = {"app.zst"}, .heading = &heading, .has_source = false};
}

json data_of(const PageInput& input) {
  PageText text;
  write_page_data(input, text);
  return json::parse(text.all);
}

// Tracebacks, oldest frame first, and their own live bytes: what the page's program makes of it.
std::map<std::string, std::int64_t> tracebacks_in(const json& data, std::size_t side = 0) {
  const json& frames = data["frames"];
  std::vector<std::string> paths = {""};
  for (std::size_t i = 0; i < data["nodes"]["up"].size(); ++i) {
    const std::size_t frame = data["nodes"]["frame"][i];
    const std::string name = data["names"][frames["file"][frame].get<std::size_t>()];
    const std::size_t parent = i + 1 - data["nodes"]["up"][i].get<std::size_t>();
    paths.push_back(paths[parent] + " " + name + ":" + frames["line"][frame].dump());
  }
  std::map<std::string, std::int64_t> sizes;
  std::size_t node = 0;
  const json& rows = data["rows"];
  for (std::size_t i = 0; i < rows["step"].size(); ++i) {
    node += rows["step"][i].get<std::size_t>();
    sizes[paths[node]] += rows["amounts"][side]["live"]["size"][i].get<std::int64_t>();
  }
  return sizes;
}

using Sizes = std::map<std::string, std::int64_t>;

TEST_CASE("a page has every traceback with what it holds") {
  const Snapshot snapshot = snapshot_of(
      "0 100 2 main.py:1 work.py:7\n"
      "1 20 1 main.py:1 work.py:7\n"
      "0 5 1 main.py:1\n"
      "0 3 1 main.py:1 work.py:7 main.py:1\n");
  const json data = data_of(page_of(snapshot));
  CHECK(tracebacks_in(data) == Sizes{{" main.py:1", 5},
                                     {" main.py:1 work.py:7", 120},
                                     {" main.py:1 work.py:7 main.py:1", 3}});
  CHECK(data["merged"]["tracebacks"] == 0);
  CHECK(data["frames"]["line"].size() == 2);
  CHECK(data["metric"] == "live");
  CHECK(data["rows"]["amounts"][0].contains("total") == false);
}

TEST_CASE("of two snapshots, each traceback has both amounts") {
  const Snapshot before = snapshot_of("0 100 2 a.py:1 b.py:2\n0 7 1 gone.py:1\n");
  const Snapshot after = snapshot_of("0 150 3 a.py:1 b.py:2\n0 9 1 new.py:1\n");
  PageInput input = page_of(before);
  input.snapshots.push_back(&after);
  input.paths.emplace_back("after.zst");
  const json data = data_of(input);
  CHECK(tracebacks_in(data, 0) ==
        Sizes{{" a.py:1 b.py:2", 100}, {" gone.py:1", 7}, {" new.py:1", 0}});
  CHECK(tracebacks_in(data, 1) ==
        Sizes{{" a.py:1 b.py:2", 150}, {" gone.py:1", 0}, {" new.py:1", 9}});
}

TEST_CASE("all metrics are there, and the one that was asked for comes first") {
  const Snapshot snapshot = snapshot_of("0 10,20,30 1,2,3 a.c:1@f\n");
  PageInput input = page_of(snapshot);
  input.selection.metric = Metric::peak;
  const json data = data_of(input);
  CHECK(data["metric"] == "peak");
  CHECK(data["rows"]["amounts"][0]["live"]["size"] == json{10});
  CHECK(data["rows"]["amounts"][0]["peak"]["count"] == json{2});
  CHECK(data["rows"]["amounts"][0]["total"]["size"] == json{30});
}

TEST_CASE("what is selected and hidden is that of other commands") {
  const Snapshot snapshot = snapshot_of(
      "0 100 2 main.py:1 lib.py:7\n"
      "0 20 1 main.py:1 other.py:3\n");
  PageInput input = page_of(snapshot);
  input.selection.hide.emplace_back("lib.py");
  input.selection.exclude.emplace_back("other.py");
  CHECK(tracebacks_in(data_of(input)) == Sizes{{" main.py:1", 100}});
}

TEST_CASE("somebody else's code and unresolved frames are marked") {
  const Snapshot snapshot =
      snapshot_of("0 1 1 /srv/a.py:1 /usr/lib/python3.11/json/d.py:2 lib.so+0x1f\n");
  const json data = data_of(page_of(snapshot));
  CHECK(data["frames"]["flags"][0] == 0);
  CHECK(data["frames"]["flags"][1] == 1);
  CHECK((data["frames"]["flags"][2].get<unsigned>() & 8U) != 0);
  CHECK(data["frames"]["offset"] == json{"", "", "1f"});
}

TEST_CASE("where there are too many tracebacks, lines keep what they hold") {
  std::string text;
  std::int64_t total = 0;
  for (int i = 1; i <= 50; ++i) {
    text += "0 " + std::to_string(i) + " 1 main:1 caller:" + std::to_string(i) +
            " leaf:" + std::to_string(i % 3 + 1) + "\n";
    total += i;
  }
  const Snapshot snapshot = snapshot_of(text);
  PageInput input = page_of(snapshot);
  input.limits.nodes = 20;
  const json data = data_of(input);
  std::map<std::string, std::int64_t> lines;
  std::int64_t sum = 0, merged = 0;
  for (const auto& [path, size] : tracebacks_in(data)) {
    lines[path.substr(path.rfind(' ') + 1)] += size;
    sum += size;
    if (path.starts_with(" <merged>:0 ")) merged += size;
  }
  CHECK(sum == total);
  CHECK(lines == Sizes{{"leaf:1", 408}, {"leaf:2", 425}, {"leaf:3", 442}});
  CHECK(data["nodes"]["up"].size() <= 20 + 4);
  CHECK(data["merged"]["size"] == merged);
  CHECK(data["merged"]["lines"] == 0);
  CHECK(data["merged"]["tracebacks"].get<int>() > 30);

  SUBCASE("and where there are too many lines, the least are merged, too") {
    input.limits.frames = 1;
    const json less = data_of(input);
    CHECK(less["merged"]["lines"] == 3);
    std::int64_t all = 0;
    for (const auto& [path, size] : tracebacks_in(less)) all += size;
    CHECK(all == total);
  }
}

TEST_CASE("no name of a snapshot is more than text") {
  SnapshotBuilder builder;
  const std::string longest(10'000, 'x');
  const FrameId frame = builder.frame("a\n</script><b>\xe2\x80\xae.py", 1, "f<\x1b[31m>" + longest);
  builder.add(builder.traceback({frame}), builder.domain(0), Metric::live, {1, 1});
  const Snapshot snapshot = builder.finish();
  const json data = data_of(page_of(snapshot));
  CHECK(data["names"][0] == "a\\n</script><b>\\u202e.py");
  const std::string function = data["names"][data["frames"]["function"][0].get<std::size_t>()];
  CHECK(function.size() < 200);
  CHECK(data["full_names"]["1"].get<std::string>().size() < 2100);
}

TEST_CASE("the same snapshot gives the same page, which nothing of it gets out of") {
  if (!has_pages()) return;
  SnapshotBuilder builder;
  const FrameId frame = builder.frame("</script><script>alert(1)</script>", 1);
  builder.add(builder.traceback({frame}), builder.domain(0), Metric::live, {1, 1});
  const Snapshot snapshot = builder.finish();
  PageText page, again;
  write_page(page_of(snapshot), "<b>&amp;</b>", page);
  write_page(page_of(snapshot), "<b>&amp;</b>", again);
  CHECK(page.all == again.all);
  CHECK(page.all.find("alert(1)") == std::string::npos);
  CHECK(page.all.find("<title>&lt;b&gt;&amp;amp;&lt;/b&gt;</title>") != std::string::npos);
  CHECK(page.all.size() < 400'000);
  CHECK(page.all.ends_with("</html>\n"));
}

}  // namespace
}  // namespace memtrace::test
