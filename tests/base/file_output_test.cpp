#include "base/file_output.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

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

mode_t permissions(const std::string& path) {
  struct stat status {};
  CHECK(stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("a new file has what the umask leaves, and the umask is never another one") {
  const TemporaryFolder folder;
  const mode_t before = umask(027);
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i, ++written) {
      Output output(folder.file("new" + std::to_string(i % 2)));
      output.write("x");
      output.commit();
    }
  });
  int open_to_others = 0;
  const std::string other = folder.file("other");
  for (int i = 0; i < 2000 || written < 20; ++i) {
    const int file = open(other.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    struct stat status {};
    if (fstat(file, &status) != 0 || (status.st_mode & 07777) != 0640) ++open_to_others;
    close(file);
    unlink(other.c_str());
  }
  stop = true;
  writer.join();
  CHECK(open_to_others == 0);
  CHECK(permissions(folder.file("new0")) == 0640);
  CHECK(umask(before) == 027);
}

TEST_CASE("a link to what is not there yet leads there, one that leads in a circle nowhere") {
  const TemporaryFolder folder;
  CHECK(symlink("later", folder.file("link").c_str()) == 0);
  CHECK(symlink("circle", folder.file("circle").c_str()) == 0);
  Output output(folder.file("link"));
  output.write("new");
  output.commit();
  CHECK(folder.read("later") == "new");
  CHECK(folder.files() == 3);
  CHECK_THROWS_AS(Output(folder.file("circle")), Error);
}

TEST_CASE("time and permissions are taken over where that is asked for") {
  const TemporaryFolder folder;
  folder.write("old", "addresses");
  const std::string path = folder.file("old");
  CHECK(chmod(path.c_str(), 0604) == 0);
  const timespec times[] = {{.tv_sec = 1000, .tv_nsec = 1}, {.tv_sec = 2000, .tv_nsec = 7}};
  CHECK(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  Output output(path);
  output.take_over_time_and_owner();
  output.write("lines");
  output.commit();
  CHECK(folder.read("old") == "lines");
  struct stat status {};
  CHECK(stat(path.c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec == 2000);
  CHECK(status.st_mtim.tv_nsec == 7);
  CHECK((status.st_mode & 07777) == 0604);
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
