#include "render/location.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "support/temporary_folder.hpp"

namespace memtrace {
namespace {

TEST_CASE("lines come without the white space around them") {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("a.py", "first\n\n  third \r\nlast");
  SourceLines sources;
  CHECK(sources.line(path, 1) == "first");
  CHECK(sources.line(path, 2).empty());
  CHECK(sources.line(path, 3) == "third");
  CHECK(sources.line(path, 4) == "last");
  CHECK(sources.line(path, 5).empty());
  CHECK(sources.line(path, 0).empty());
}

TEST_CASE("a file may be in another folder") {
  const test::TemporaryFolder own, other, last;
  const std::string path = own.write("a.c", "own");
  (void)other.write("a.c", "other");
  (void)last.write("a.c", "last");
  (void)last.write("b.c", "b");
  std::filesystem::create_directories(last.file("src/deep"));
  (void)last.write("src/deep/a.c", "deep");
  SourceLines sources({other.file(""), last.file("")});
  CHECK(sources.line(path, 1) == "own");
  CHECK(sources.line("/nowhere/a.c", 1) == "other");
  CHECK(sources.line("/nowhere/src/b.c", 1) == "b");
  // The more of the path is left, the better.
  CHECK(sources.line("/nowhere/src/deep/a.c", 1) == "deep");
  CHECK(sources.line("src//deep/a.c", 1) == "deep");
  CHECK(sources.line("/nowhere/c.c", 1).empty());
  CHECK(sources.line("/", 1).empty());
  CHECK(sources.line("<string>", 1).empty());
}

TEST_CASE("a file is read once") {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("a.py", "old");
  SourceLines sources;
  CHECK(sources.line(path, 1) == "old");
  (void)folder.write("a.py", "new");
  CHECK(sources.line(path, 1) == "old");
}

TEST_CASE("what is no source file has no lines") {
  const test::TemporaryFolder folder;
  SourceLines sources;
  CHECK(sources.line(folder.file("missing"), 1).empty());
  CHECK(sources.line(folder.write("empty", ""), 1).empty());
  CHECK(sources.line(folder.write("binary", std::string_view("a\0b", 3)), 1).empty());
  CHECK(sources.line("<string>", 1).empty());
  CHECK(sources.line("", 1).empty());
  CHECK(sources.line("/dev/zero", 1).empty());
  CHECK(sources.line("/", 1).empty());
  const std::string real = folder.write("real", "x");
  CHECK(sources.line(real + std::string("\0y", 2), 1).empty());
}

TEST_CASE("a pipe is not waited for") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("pipe");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  SourceLines sources;
  CHECK(sources.line(path, 1).empty());
}

TEST_CASE("sizes have bounds") {
  const test::TemporaryFolder folder;
  SourceLines sources;
  const std::string large = folder.write("large", std::string((4 << 20) + 1, 'x'));
  CHECK(sources.line(large, 1).empty());
  const std::string wide = folder.write("wide", std::string(5000, 'x'));
  CHECK(sources.line(wide, 1).size() == 1024);
}

}  // namespace
}  // namespace memtrace
