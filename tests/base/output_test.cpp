#include "base/output.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mtrace/error.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

TEST_CASE("a file is there whole or not at all") {
  const TemporaryFolder folder;
  folder.write("out", "old");
  {
    Output output(folder.file("out"));
    output.write("new");
    CHECK(folder.read("out") == "old");
  }
  CHECK(folder.read("out") == "old");
  CHECK(folder.files() == 1);
  {
    Output output(folder.file("out"));
    output.write("new");
    output.commit();
  }
  CHECK(folder.read("out") == "new");
  CHECK(folder.files() == 1);
}

TEST_CASE("permissions and links stay") {
  const TemporaryFolder folder;
  folder.write("real", "old");
  CHECK(chmod(folder.file("real").c_str(), 0640) == 0);
  CHECK(symlink("real", folder.file("link").c_str()) == 0);
  Output output(folder.file("link"));
  output.write("new");
  output.commit();
  CHECK(folder.read("real") == "new");
  struct stat status {};
  CHECK(lstat(folder.file("link").c_str(), &status) == 0);
  CHECK(S_ISLNK(status.st_mode));
  CHECK(stat(folder.file("real").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE("what cannot be written is an error that names the file") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(Output(folder.file("no/where")),
                       (folder.file("no/where") + ": No such file or directory").c_str(), Error);
  Output full("/dev/full");
  full.write("x");
  CHECK_THROWS_WITH_AS(full.commit(), "/dev/full: No space left on device", Error);
}

}  // namespace
}  // namespace memtrace::test
