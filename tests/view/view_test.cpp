#include "view/view.hpp"

#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "render/escape.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace {
namespace {

using test::snapshot_of;

constexpr std::string_view kViewedRows =
    "0 3072 3 main.py:1@main shop/orders.py:31@load\n"
    "0 1024 2 main.py:2@main shop/orders.py:31@load\n"
    "0 512 8 main.py:1@main util.py:7@parse\n";

// A view, its keys and its lines.
class Typist {
 public:
  explicit Typist(std::string_view after, std::string_view before = {}, ViewOptions options = {}) {
    const auto made = [](std::string_view rows) {
      return std::make_shared<const Snapshot>(snapshot_of(rows));
    };
    sides_ = {before.empty() ? nullptr : made(before), made(after)};
    options.before = before.empty() ? "" : "old.zst";
    options.after = "new.zst";
    view_ = std::make_unique<View>([this](const Selection& selection) { return read(selection); },
                                   std::move(options));
  }

  void type(std::u32string_view text) {
    for (const char32_t character : text) wish = view_->press({Key::character, character});
  }
  void press(Key key) { wish = view_->press({key}); }
  void replace(std::string_view after) {
    sides_.after = std::make_shared<const Snapshot>(snapshot_of(after));
    view_->update();
  }

  std::vector<std::string> lines(ScreenSize size = {80, 14}) {
    std::vector<std::string> lines;
    for (const Line& line : view_->draw(size).lines) {
      std::string text;
      for (const Span& span : line) text += span.text;
      while (text.ends_with(' ')) text.pop_back();
      lines.push_back(text);
    }
    return lines;
  }
  std::string line(std::size_t number) { return lines()[number]; }
  bool has(std::string_view text) {
    for (const std::string& line : lines()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }
  std::string chosen() {
    for (const Line& line : view_->draw({80, 14}).lines) {
      if (line.size() == 1 && line[0].ground == Ground::reversed &&
          line[0].emphasis == Emphasis::none) {
        return line[0].text;
      }
    }
    return {};
  }

  View::Wish wish = View::Wish::none;

 private:
  Sides read(const Selection& selection) {
    if (selection.metric == Metric::peak) throw Error("it has no peak");
    return sides_;
  }

  Sides sides_;
  std::unique_ptr<View> view_;
};

TEST_CASE("a view begins with what top prints") {
  Typist typist(kViewedRows);
  const std::vector<std::string> lines = typist.lines();
  REQUIRE(lines.size() == 14);
  CHECK(lines[0] == " new.zst (mtrace snapshot)");
  CHECK(lines[1] == "live by lineno: 4.5 KiB in 13 blocks; 2 groups by size");
  CHECK(lines[2] == "      size      %  share         count    location");
  CHECK(lines[3] == "   4.0 KiB  88.9%  ███████▏          5    shop/orders.py:31 in load");
  CHECK(lines[4] == "     512 B  11.1%  ▉                 8    util.py:7 in parse");
  CHECK(lines[5].empty());
  CHECK(lines[11] == "shop/orders.py:31 in load");
  CHECK(lines[13].starts_with("Enter callers  Space tracebacks  / filter  f flame"));
}

TEST_CASE("tracebacks are shown below a line and hidden again") {
  const test::TemporaryFolder folder;
  folder.write("main.py", "orders = load()\n");
  ViewOptions options;
  options.style.source_folders = {std::filesystem::path(folder.file("")).string()};
  Typist typist(kViewedRows, {}, options);
  typist.type(U" ");
  const std::vector<std::string> lines = typist.lines({80, 20});
  CHECK(lines[3] == "   4.0 KiB  88.9%  ███████▏          5  ▾ shop/orders.py:31 in load");
  CHECK(lines[4] == "   3.0 KiB  66.7%  █████▍            3    traceback, most recent frame first");
  CHECK(lines[5] == "    shop/orders.py:31 in load");
  CHECK(lines[6] == "    main.py:1 in main");
  CHECK(lines[7] == "        orders = load()");
  CHECK(lines[8] == "   1.0 KiB  22.2%  █▊                2    traceback, most recent frame first");
  typist.type(U" ");
  CHECK(typist.line(4) == "     512 B  11.1%  ▉                 8    util.py:7 in parse");
}

TEST_CASE("callers and callees, and back") {
  Typist typist(kViewedRows);
  typist.press(Key::enter);
  CHECK(typist.line(2) == "shop/orders.py:31 in load");
  CHECK(typist.line(4) == "called by");
  CHECK(typist.line(5).ends_with("main.py:1 in main"));
  CHECK(typist.chosen().find("main.py:1") != std::string::npos);
  CHECK(typist.has("   4.0 KiB  88.9%  ███████▏          5  itself and all that it calls"));
  typist.press(Key::enter);
  CHECK(typist.line(2) == "main.py:1 in main");
  CHECK(typist.has("the oldest frame that was kept"));
  CHECK(typist.has("shop/orders.py:31 in load"));
  typist.press(Key::escape);
  typist.press(Key::backspace);
  CHECK(typist.chosen().find("shop/orders.py:31") != std::string::npos);
  typist.press(Key::escape);  // there is nothing behind it
  CHECK(typist.wish == View::Wish::none);
}

TEST_CASE("a filter applies while it is typed") {
  Typist typist(kViewedRows);
  typist.type(U"/uti");
  CHECK(typist.line(13) == "filter: uti_");
  CHECK(typist.line(3).ends_with("util.py:7 in parse"));
  CHECK(typist.line(4).empty());
  CHECK(typist.line(11).starts_with("1 group matches, "));
  typist.press(Key::backspace);
  typist.press(Key::backspace);
  typist.press(Key::backspace);
  typist.type(U"ord*load");
  CHECK(typist.line(3).ends_with("shop/orders.py:31 in load"));
  typist.press(Key::enter);
  CHECK(typist.has("filter: ord*load"));
  typist.press(Key::escape);
  CHECK(typist.line(4).ends_with("util.py:7 in parse"));
  typist.type(U"/é日");
  CHECK(typist.line(13) == "filter: é日_");
  CHECK(typist.has("nothing matches"));
  typist.press(Key::escape);
  CHECK(typist.line(3).ends_with("shop/orders.py:31 in load"));
}

TEST_CASE("groups, sorts and selection change in place, and the chosen line stays") {
  Typist typist(kViewedRows);
  typist.press(Key::down);
  typist.type(U"s");
  CHECK(typist.line(1).ends_with("; 2 groups by count"));
  CHECK(typist.line(3).ends_with("util.py:7 in parse"));
  CHECK(typist.chosen().find("util.py:7") != std::string::npos);
  typist.type(U"r");
  CHECK(typist.line(1).ends_with("by count, reversed"));
  typist.type(U"g");
  CHECK(typist.line(1).find("live by filename") != std::string::npos);
  typist.type(U"ggg");
  CHECK(typist.line(1).find("live by module") != std::string::npos);
  typist.type(U"go");
  CHECK(typist.line(1).ends_with("; --mine"));
  typist.press(Key::enter);
  CHECK(typist.line(13) == "an address space has no callers: g groups by something else");
  typist.type(U"c");
  CHECK(typist.line(13) == "tracebacks and domains cannot be counted cumulatively");
}

TEST_CASE("a metric that is missing is passed over") {
  Typist typist("0 1,2,30 1,2,3 a.c:1\n");
  typist.type(U"m");
  CHECK(typist.line(1).starts_with("total by lineno: 30 B in 3 blocks"));
  typist.type(U"m");
  CHECK(typist.line(1).starts_with("live by lineno: 1 B in 1 block"));
}

TEST_CASE("a difference: what grew, what is new and gone") {
  Typist typist("0 3072 3 a.py:1@f\n0 10 1 new.py:1\n0 50 1 b.py:2\n",
                "0 1024 1 a.py:1@f\n0 20 2 gone.py:1\n0 100 1 b.py:2\n");
  CHECK(typist.line(0) == " old.zst → new.zst");
  CHECK(typist.line(1) ==
        "live by lineno: before 1.1 KiB, after 3.1 KiB, +1.9 KiB (+173.8%); 4 groups by"
        " …");
  CHECK(typist.line(2) == "     change  growth          size      count    location");
  CHECK(typist.line(3) == "   +2.0 KiB  ████████     3.0 KiB          3    a.py:1 in f");
  CHECK(typist.line(4) == "      -50 B  ▎               50 B          1    b.py:2");
  CHECK(typist.line(5) == "      -20 B  ▏                0 B          0    GONE gone.py:1");
  CHECK(typist.line(6) == "      +10 B  ▏               10 B          1    NEW new.py:1");
  typist.type(U"f");
  CHECK(typist.line(2) == "│all");
  CHECK(typist.line(3).starts_with("│f  "));
}

TEST_CASE("a flame view: callers above those they call, as wide as their memory") {
  Typist typist(kViewedRows);
  typist.type(U"f");
  CHECK(typist.line(2) == "│all");
  CHECK(typist.line(3).starts_with("│main     "));
  CHECK(typist.line(4).starts_with("│load     "));
  CHECK(typist.line(11) == "4.5 KiB (100.0%), 0 B its own");
  typist.press(Key::down);
  CHECK(typist.line(11) == "3.5 KiB (77.8%), 0 B its own  main.py:1 in main");
  typist.press(Key::right);
  CHECK(typist.line(11) == "1.0 KiB (22.2%), 0 B its own  main.py:2 in main");
  typist.press(Key::enter);
  CHECK(typist.line(2) == "│main");
  CHECK(typist.line(3) == "│load");
  typist.press(Key::escape);
  CHECK(typist.line(2) == "│all");
  typist.press(Key::escape);
  CHECK(typist.line(3).ends_with("shop/orders.py:31 in load"));
}

TEST_CASE("what lives on keeps the place in it") {
  Typist typist(kViewedRows);
  typist.press(Key::down);
  typist.type(U" ");
  typist.replace("0 9000 9 main.py:1@main util.py:7@parse\n0 100 1 x.py:1\n");
  CHECK(typist.chosen().find("▾ util.py:7 in parse") != std::string::npos);
  typist.press(Key::enter);
  typist.replace("0 9 9 main.py:1@main util.py:7@parse\n0 100 1 x.py:1\n");
  CHECK(typist.line(2) == "util.py:7 in parse");
  typist.replace("0 100 1 x.py:1\n");
  CHECK(typist.line(3).ends_with("x.py:1"));
}

TEST_CASE("keys are explained, and q ends it") {
  Typist typist(kViewedRows);
  typist.type(U"?");
  CHECK(typist.has("who calls it, and whom it calls"));
  typist.type(U"x");
  CHECK(typist.line(2).find("size") != std::string::npos);
  typist.type(U"x");
  CHECK(typist.line(13) == "? shows the keys");
  typist.type(U"q");
  CHECK(typist.wish == View::Wish::quit);
}

TEST_CASE("any size, an empty snapshot, and keys in any order") {
  Typist nothing(""), something(kViewedRows);
  CHECK(nothing.has("nothing to show"));
  std::uint32_t random = 1;
  for (Typist* const typist : {&nothing, &something}) {
    for (int i = 0; i < 2000; ++i) {
      random = random * 1664525 + 1013904223;
      if (random % 3 == 0) {
        typist->press(static_cast<Key>(1 + (random >> 8) % 11));
      } else {
        typist->type(std::u32string(1, U" /mgocsrfb?kjuti"[(random >> 8) % 16]));
      }
      const ScreenSize size{(random >> 16) % 120, (random >> 12) % 40};
      const std::size_t rows = typist->lines(size).size();
      CHECK(rows <= std::max<std::size_t>(size.rows, 1));
    }
  }
}

TEST_CASE("names are harmless") {
  Typist typist("0 8 1 a\x1b[31m.py:1@\xe2\x80\xaeg\n");
  CHECK(typist.line(3).ends_with("a\\x1b[31m.py:1 in \\u202eg"));
}

}  // namespace
}  // namespace memtrace
