// A file of every version that was ever released is read for ever: its content is beside it as
// text.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "mtrace/read.hpp"
#include "mtrace/write.hpp"
#include "support/temporary_folder.hpp"
#include "write/text_dump.hpp"

namespace memtrace::test {
namespace {

const std::string kFolder = MTRACE_TESTDATA_DIR "/snapshots/";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("version 1.0 reads as it was written") {
  const Snapshot snapshot = read_snapshot(kFolder + "version-1.0.zst");
  validate(snapshot);
  std::string text;
  write_text_dump(snapshot, [&](std::string_view line) { text += line; });
  CHECK(text == text_of(kFolder + "version-1.0.txt"));
}

TEST_CASE("what was read is written with the same content") {
  const TemporaryFolder folder;
  write_snapshot(read_snapshot(kFolder + "version-1.0.zst"), folder.file("again.zst"));
  std::string text;
  write_text_dump(read_snapshot(folder.file("again.zst")),
                  [&](std::string_view line) { text += line; });
  CHECK(text == text_of(kFolder + "version-1.0.txt"));
}

}  // namespace
}  // namespace memtrace::test
