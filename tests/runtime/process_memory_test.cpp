// What the kernel's files say of a process' memory, in all of their forms.
#include "runtime/os/process_memory.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

using runtime::kUnknownBytes;
using runtime::read_system_memory;
using runtime::SystemMemory;

// A folder that stands for "/".
class MadeUpRoot {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_.file(path.substr(1));
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] SystemMemory read() const {
    std::string root = folder_.file("");
    while (root.ends_with('/')) root.pop_back();
    return read_system_memory(root.c_str());
  }

 private:
  TemporaryFolder folder_;
};

TEST_CASE("a system without /proc says nothing") {
  const SystemMemory memory = MadeUpRoot().read();
  CHECK(memory.resident == kUnknownBytes);
  CHECK(memory.swapped == kUnknownBytes);
  CHECK(memory.huge_pages == kUnknownBytes);
  CHECK(memory.cgroup_use == kUnknownBytes);
  CHECK(memory.cgroup_limit == kUnknownBytes);
}

TEST_CASE("status and smaps_rollup") {
  const MadeUpRoot root;
  root.write("/proc/self/status",
             "Name:\tVmRSS:\nVmHWM:\t    2000 kB\nVmRSS:\t    1000 kB\nRssAnon:\t     600 kB\n"
             "RssFile:\t     300 kB\nRssShmem:\t     100 kB\nVmSwap:\t       5 kB\n"
             "HugetlbPages:\t    2048 kB\n");
  root.write("/proc/self/smaps_rollup",
             "00400000-7ffc r--p 00000000 00:00 0 [rollup]\nRss: 1000 kB\nAnonHugePages:  4096 kB\n"
             "ShmemPmdMapped: 0 kB\nFilePmdMapped: 2048 kB\n");
  const SystemMemory memory = root.read();
  CHECK(memory.resident == 1000 * 1024);
  CHECK(memory.anonymous == 600 * 1024);
  CHECK(memory.file == 300 * 1024);
  CHECK(memory.shared == 100 * 1024);
  CHECK(memory.resident_peak == 2000 * 1024);
  CHECK(memory.swapped == 5 * 1024);
  CHECK(memory.huge_pages == 8192 * 1024);
  CHECK(memory.cgroup_use == kUnknownBytes);
}

TEST_CASE("a process of gigabytes is not walked through") {
  const MadeUpRoot root;
  root.write("/proc/self/status", "VmRSS:\t 2000000 kB\nHugetlbPages:\t 0 kB\n");
  root.write("/proc/self/smaps_rollup", "AnonHugePages:  4096 kB\n");
  CHECK(root.read().huge_pages == kUnknownBytes);
}

TEST_CASE("control groups, version 2: the limit that is met first, wherever it is") {
  const MadeUpRoot root;
  root.write("/proc/self/cgroup", "0::/user/app\n");
  root.write("/sys/fs/cgroup/user/app/memory.current", "700\n");
  root.write("/sys/fs/cgroup/user/app/memory.max", "max\n");
  SUBCASE("none") {
    CHECK(root.read().cgroup_use == 700);
    CHECK(root.read().cgroup_limit == kUnknownBytes);
  }
  SUBCASE("a parent's") {
    root.write("/sys/fs/cgroup/user/memory.current", "900\n");
    root.write("/sys/fs/cgroup/user/memory.max", "1000\n");
    CHECK(root.read().cgroup_use == 900);
    CHECK(root.read().cgroup_limit == 1000);
  }
  SUBCASE("its own, below the parent's") {
    root.write("/sys/fs/cgroup/user/app/memory.max", "800\n");
    root.write("/sys/fs/cgroup/user/memory.current", "900\n");
    root.write("/sys/fs/cgroup/user/memory.max", "1000\n");
    CHECK(root.read().cgroup_use == 700);
    CHECK(root.read().cgroup_limit == 800);
  }
}

TEST_CASE("control groups, version 1") {
  const MadeUpRoot root;
  root.write("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/box/1\n0::/\n");
  const std::string mount = "/sys/fs/cgroup/memory";
  root.write(mount + "/box/1/memory.usage_in_bytes", "70\n");
  root.write(mount + "/box/1/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(root.read().cgroup_use == 70);
  CHECK(root.read().cgroup_limit == kUnknownBytes);
  root.write(mount + "/box/1/memory.limit_in_bytes", "100\n");
  CHECK(root.read().cgroup_limit == 100);
}

TEST_CASE("a container sees its group as the root of the mount") {
  const MadeUpRoot root;
  root.write("/proc/self/cgroup", "4:memory:/docker/0123\n");
  root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "70\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "100\n");
  CHECK(root.read().cgroup_use == 70);
  CHECK(root.read().cgroup_limit == 100);
}

TEST_CASE("files that say something else") {
  const MadeUpRoot root;
  root.write("/proc/self/status", "VmRSS:\t99999999999999999999999 kB\nVmHWM:\tmany kB\nVmSwap:");
  root.write("/proc/self/cgroup", "nonsense\n::\n0::\n");
  const SystemMemory memory = root.read();
  CHECK(memory.resident == kUnknownBytes);
  CHECK(memory.resident_peak == kUnknownBytes);
  CHECK(memory.swapped == kUnknownBytes);
  CHECK(memory.cgroup_use == kUnknownBytes);
}

TEST_CASE("this process") {
  const SystemMemory memory = read_system_memory();
  CHECK(memory.resident > 0);
  CHECK(memory.resident_peak >= memory.resident);
  CHECK(memory.anonymous + memory.file + memory.shared == memory.resident);
  CHECK(runtime::read_resident() > 0);
}

}  // namespace
}  // namespace memtrace::test
