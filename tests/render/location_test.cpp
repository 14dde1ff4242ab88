#include "render/location.hpp"

#include <doctest/doctest.h>

#include "render/escape.hpp"

namespace memtrace {
namespace {

const Style kPlain;

using Text = std::optional<std::string_view>;

FrameView frame(Text filename, std::uint32_t lineno = 0, Text function = {}, Text module = {}) {
  FrameView view;
  view.filename = filename;
  view.lineno = lineno;
  view.function = function;
  view.module = module;
  return view;
}

FrameView source_frame() {
  return frame("/srv/app/main.py", 12, "main", "app");
}

FrameView address() {
  FrameView view = frame({}, 0, {}, "/usr/lib/libx.so");
  view.offset = 0x1f3a;
  return view;
}

TEST_CASE("paths are normalized for people") {
  CHECK(normalized_path("/build/obj/../src/./x.cpp") == "/build/src/x.cpp");
  CHECK(normalized_path("./a//b.c") == "a/b.c");
  CHECK(normalized_path("../../src/x.c") == "../../src/x.c");
  CHECK(normalized_path("a/../../b.c") == "../b.c");
  CHECK(normalized_path("/../b.c") == "/b.c");
  CHECK(normalized_path("/home/ada/.config/x.py") == "/home/ada/.config/x.py");
  CHECK(normalized_path("<frozen a//b>") == "<frozen a//b>");
  CHECK(normalized_path("webpack:///./src/x.js") == "webpack:///./src/x.js");
  CHECK(normalized_path("a/..") == "a/..");
  const FrameView view = frame("/build/obj/../src/x.cpp", 3);
  CHECK(printed(location_of(view, GroupBy::lineno, kPlain), 0) == "/build/src/x.cpp:3");
  CHECK(printed(location_of(view, GroupBy::lineno, {.strip_prefixes = {"/build/src"}}), 0) ==
        "x.cpp:3");
  CHECK(tracemalloc_name(view, GroupBy::lineno, kPlain) == "/build/obj/../src/x.cpp:3");
}

TEST_CASE("names in tracemalloc's style") {
  const auto name = [](const FrameView& frame, GroupBy group_by) {
    return tracemalloc_name(frame, group_by, kPlain);
  };
  CHECK(name(source_frame(), GroupBy::lineno) == "/srv/app/main.py:12");
  CHECK(name(source_frame(), GroupBy::traceback) == "/srv/app/main.py:12");
  CHECK(name(source_frame(), GroupBy::filename) == "/srv/app/main.py:0");
  CHECK(name(source_frame(), GroupBy::function) == "/srv/app/main.py:main");
  CHECK(name(source_frame(), GroupBy::module) == "app");
  CHECK(name(address(), GroupBy::lineno) == "/usr/lib/libx.so+0x1f3a");
  CHECK(name(frame("<unknown>"), GroupBy::lineno) == "<unknown>:0");
  CHECK(name(frame("a.py"), GroupBy::function) == "a.py");
  CHECK(name(frame({}, 0, "qsort", "libc.so.6"), GroupBy::lineno) == "libc.so.6:qsort");
  CHECK(name(FrameView(), GroupBy::module) == "<unknown>");
}

TEST_CASE("names for people") {
  const auto name = [](const FrameView& frame, GroupBy group_by) {
    return printed(location_of(frame, group_by, kPlain), 0);
  };
  CHECK(name(source_frame(), GroupBy::lineno) == "/srv/app/main.py:12 in main");
  CHECK(name(source_frame(), GroupBy::filename) == "/srv/app/main.py");
  CHECK(name(source_frame(), GroupBy::function) == "/srv/app/main.py in main");
  CHECK(name(source_frame(), GroupBy::module) == "app");
  CHECK(name(address(), GroupBy::lineno) == "/usr/lib/libx.so+0x1f3a");
  FrameView inlined = frame("a\x1b.c", 1, "f\n");
  inlined.inlined = true;
  CHECK(name(inlined, GroupBy::traceback) == "a\\x1b.c:1 in f\\n (inlined)");
}

TEST_CASE("a prefix is taken off at a folder's end, the longest one") {
  CHECK(without_prefix("/srv/app/main.py", {"/srv", "/srv/app/"}) == "main.py");
  CHECK(without_prefix("/srv/application.py", {"/srv/app"}) == "/srv/application.py");
  CHECK(without_prefix("/srv/app", {"/srv/app"}) == "/srv/app");
  CHECK(without_prefix("/srv/app/", {"/srv/app"}) == "/srv/app/");
  CHECK(without_prefix("/srv/app", {"/"}) == "srv/app");
  CHECK(without_prefix("a/b", {"", "a"}) == "b");
}

std::string shown(std::string path, std::string function, std::size_t width) {
  return printed({.path = std::move(path), .position = ":123", .function = std::move(function)},
                 width);
}

TEST_CASE("a long path loses folders in its middle") {
  const std::string path = "/usr/lib/python3.11/site-packages/numpy/core/fromnumeric.py";
  CHECK(shown(path, "", 63) == path + ":123");
  CHECK(shown(path, "", 62) == "/usr/lib/python3.11/…/numpy/core/fromnumeric.py:123");
  CHECK(shown(path, "", 40) == "/usr/lib/…/numpy/core/fromnumeric.py:123");
  CHECK(shown(path, "", 21) == "…/fromnumeric.py:123");
  CHECK(shown(path, "", 12) == "…eric.py:123");
  CHECK(shown(path, "sum", 40) == "/usr/…/core/fromnumeric.py:123 in sum");
  CHECK(shown(path, "sum", 22) == "…/fromnumeric.py:123");
}

TEST_CASE("a long function loses its end") {
  CHECK(shown("a.py", "a_very_long_function_name", 24) == "a.py:123 in a_very_long…");
}

TEST_CASE("no width is exceeded, and the line number stays") {
  const std::string path = "/home/中文/ein/langer/Pfad/e\u0301e\u0301/中文中文.py";
  for (std::size_t width = 8; width < 80; ++width) {
    CAPTURE(width);
    const std::string text = shown(path, "名前の長い関数", width);
    CHECK(display_width(text) <= width);
    CHECK(text.find(":123") != std::string::npos);
  }
}

TEST_CASE("a domain goes by its name where it has one") {
  CHECK(name_of(Domain{.number = 3, .name = ""}) == "domain 3");
  CHECK(name_of(Domain{.number = 3, .name = "native"}) == "native");
}

}  // namespace
}  // namespace memtrace
