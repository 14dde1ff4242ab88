// What the runtime writes is what the analysis half reads, to the byte as it would write it itself.
#include "runtime/snapshot/snapshot_writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "mtrace/read.hpp"
#include "mtrace/write.hpp"
#include "runtime/made_up_snapshot.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

// All payloads, one behind the other: how well they are packed may differ.
std::string unpacked(const std::string& file) {
  std::string content;
  std::vector<char> room(ZSTD_DStreamOutSize());
  ZSTD_DStream* const stream = ZSTD_createDStream();
  ZSTD_inBuffer in{file.data(), file.size(), 0};
  while (in.pos < in.size) {
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    REQUIRE(!ZSTD_isError(ZSTD_decompressStream(stream, &out, &in)));
    content.append(room.data(), out.pos);
  }
  ZSTD_freeDStream(stream);
  return content;
}

// Writes the data, and has the analysis half write both what it reads and what it should read.
void check_written(const MadeUp& made_up) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.zst");
  const SnapshotData data = made_up.data();
  int error = -1;
  REQUIRE(runtime::write_snapshot(data, path.c_str(), &error));
  CHECK(error == 0);
  CHECK(folder.files() == 1);

  const Snapshot read = read_snapshot(path);
  Snapshot expected = Expected(data).snapshot();
  // What it says of this process.
  CHECK(read.metadata.pid == static_cast<std::uint64_t>(getpid()));
  CHECK(read.metadata.program.ends_with("_tests"));
  CHECK(read.metadata.command.size() >= 1);
  CHECK(!read.metadata.host.empty());
  expected.metadata.pid = read.metadata.pid;
  expected.metadata.program = read.metadata.program;
  expected.metadata.command = read.metadata.command;
  expected.metadata.host = read.metadata.host;
  write_snapshot(expected, folder.file("expected.zst"));
  write_snapshot(read, folder.file("again.zst"));
  const std::string content = unpacked(folder.read("a.zst"));
  const bool as_expected = content == unpacked(folder.read("expected.zst"));
  CHECK(as_expected);
  if (!as_expected && data.rows.size() < 10) CHECK(dump_of(read) == dump_of(expected));
  const bool is_canonical = content == unpacked(folder.read("again.zst"));
  CHECK(is_canonical);
}

TEST_CASE("nothing was allocated") {
  check_written({});
}

TEST_CASE("a few tracebacks") {
  MadeUp made_up;
  const std::uint32_t libc = made_up.module("/usr/lib/libc.so.6", "\x01\x02\x03");
  const std::uint32_t program = made_up.module("/usr/bin/program");
  const std::uint32_t main = made_up.node(0, {0x2000, program});
  const std::uint32_t parse = made_up.node(main, {0x1000, program});
  const std::uint32_t handler =
      made_up.node(main, {0x1000, program, CodeLocation::Kind::exact_address});
  made_up.node(main, {0x5000, libc});  // of blocks that are forgotten: not in the file
  made_up.row(parse, runtime::kNativeDomain, 100, 2);
  made_up.row(handler, runtime::kNativeDomain, 50, 1);
  made_up.row(main, runtime::kMmapDomain, 4096, 1);
  made_up.row(main, runtime::kNativeDomain, 0, 0);
  made_up.timeline = {{10, 100}, {20, 50}, {20, 1 << 20}};
  check_written(made_up);
}

TEST_CASE("work, labels and the process' memory") {
  MadeUp made_up;
  made_up.system = {.resident = 1000,
                    .anonymous = 600,
                    .file = 300,
                    .shared = 100,
                    .huge_pages = 0,
                    .resident_peak = 2000,
                    .swapped = 5,
                    .cgroup_use = 9000,
                    .cgroup_limit = 10000};
  made_up.allocator = {.held = 500, .free = 50};
  made_up.memory_timeline = {{10, 100, runtime::kUnknownBytes}, {20, runtime::kUnknownBytes, 7}};
  made_up.work = 0;
  made_up.labels = {{"host", "a"}, {"release", "1.7"}};
  check_written(made_up);
}

TEST_CASE("blocks without a traceback, frames without a module, modules without a name") {
  MadeUp made_up;
  made_up.row(0, runtime::kNativeDomain, 100, 2);
  made_up.row(0, 77, 10, 1);
  made_up.row(made_up.node(0, {0xFFFFFFFFFF60000, kNoModule}), 77, 1, 1);
  made_up.module(nullptr, "abc");
  made_up.module(nullptr);
  made_up.row(made_up.node(0, {0x10, made_up.module("[vdso]")}), 4000000000, 1, 1);
  made_up.row(made_up.node(0, {0x10, made_up.module("/odd\xFF")}), 77, 1, 1);
  SUBCASE("") {}
  SUBCASE("<unknown> is the first name") {
    made_up.module("~");
  }
  SUBCASE("and is a module's, too") {
    made_up.module("<unknown>");
  }
  check_written(made_up);
}

TEST_CASE("source lines, among addresses") {
  MadeUp made_up;
  const std::uint32_t app = made_up.text("/srv/app.py"), other = made_up.text("/srv/\xED\xB2\x80");
  const std::uint32_t load = made_up.text("Cache.load"), module = made_up.text("<module>");
  const std::uint32_t again = made_up.text("/srv/app.py");
  made_up.text("nobody's");
  const auto source = [](std::uint32_t file, std::uint32_t function, std::uint32_t line) {
    return CodeLocation::of_source({file, function, line});
  };
  const std::uint32_t library = made_up.module("/srv/library.so", "id");
  const std::uint32_t main = made_up.node(0, source(app, module, 10));
  const std::uint32_t native = made_up.node(main, {0x100, library});
  made_up.row(made_up.node(native, source(other, load, 7)), runtime::kPythonDomain, 100, 2);
  made_up.row(made_up.node(main, source(app, load, 70000)), runtime::kPythonDomain, 30, 1);
  made_up.row(made_up.node(main, source(again, load, 70000)), runtime::kPythonDomain, 5, 1);
  made_up.row(made_up.node(main, source(app, runtime::kNoText, 70000)), runtime::kPythonDomain, 9,
              1);
  made_up.row(main, runtime::kPythonDomain, 0, 3);
  made_up.row(main, runtime::kPythonDomain, 11, 1);
  SUBCASE("") {}
  SUBCASE("and blocks without a traceback") {
    made_up.row(0, runtime::kPythonDomain, 1, 1);
    made_up.row(made_up.node(0, source(made_up.text("<string>"), module, 0)), 0, 1, 1);
    made_up.row(made_up.node(0, source(made_up.text("~"), module, 0)), 0, 1, 1);
  }
  check_written(made_up);
}

TEST_CASE("a library that was loaded twice is one") {
  MadeUp made_up;
  const std::uint32_t first = made_up.module("/lib/plugin.so", "id");
  const std::uint32_t again = made_up.module("/lib/plugin.so", "id");
  const std::uint32_t other = made_up.module("/lib/plugin.so", "other");
  const std::uint32_t main = made_up.node(0, {1, kNoModule});
  for (const std::uint32_t module : {first, again, other}) {
    const std::uint32_t load = made_up.node(main, {0x100, module});
    made_up.row(made_up.node(load, {0x200, module}), runtime::kNativeDomain, 10, 1);
    made_up.row(load, runtime::kNativeDomain, 5, 1);
  }
  check_written(made_up);
}

MadeUp random_data(std::mt19937_64& random, std::uint32_t nodes) {
  const auto below = [&](std::uint64_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  static const std::vector<std::string> paths = {
      "/lib/a.so", "/lib/b.so", "/bin/program", "/x\xFF", "[vdso]", "/lib/a", "~", "!"};
  MadeUp made_up;
  made_up.sampling_rate = below(2) * 4096;
  for (std::uint32_t i = below(12); i-- > 0;) {
    made_up.module(paths[below(paths.size())].c_str(), std::string(below(3), 'i'));
  }
  for (const std::string_view text : {"/srv/a.py", "", "~", "load", "/lib/a.so", "<string>"}) {
    made_up.text(text);
  }
  const auto text = [&] { return below(made_up.texts.size()); };
  for (std::uint32_t i = 0; i < 1 + nodes / 4; ++i) {
    if (below(3) == 0) {
      const std::uint32_t function = below(4) == 0 ? runtime::kNoText : text();
      const auto line = static_cast<std::uint32_t>(random() >> (32 + below(32)));
      made_up.locations.push_back(CodeLocation::of_source({text(), function, line}));
      continue;
    }
    const auto module = below(made_up.modules.size() + 1);
    made_up.locations.push_back({.offset = random() >> below(64),
                                 .module = module < made_up.modules.size() ? module : kNoModule,
                                 .kind = below(10) == 0 ? CodeLocation::Kind::exact_address
                                                        : CodeLocation::Kind::return_address});
  }
  std::set<std::pair<std::uint32_t, std::uint32_t>> known;
  while (made_up.nodes.size() < nodes) {
    // Deep ones and wide ones.
    const auto size = static_cast<std::uint32_t>(made_up.nodes.size());
    const std::uint32_t parent = below(2) == 0 ? size - 1 : below(size);
    const std::uint32_t location = below(made_up.locations.size());
    if (known.emplace(parent, location).second) made_up.nodes.push_back({parent, location});
  }
  for (std::uint32_t i = 0; i < nodes; ++i) {
    if (below(3) == 0) continue;
    for (std::uint32_t domain = 0; domain < 4; ++domain) {
      if (below(4) == 0) made_up.row(i, domain * domain, below(1U << 24), below(1000));
    }
  }
  std::shuffle(made_up.rows.begin(), made_up.rows.end(), random);
  for (std::int64_t time = 1; time < below(50); ++time) {
    made_up.timeline.push_back({time * 1000000, below(1 << 30)});
  }
  return made_up;
}

TEST_CASE("estimates") {
  MadeUp made_up;
  made_up.sampling_rate = 512 << 10;
  const std::uint32_t first = made_up.module("/lib/plugin.so", "id");
  const std::uint32_t again = made_up.module("/lib/plugin.so", "id");
  made_up.row(made_up.node(0, {0x10, first}), runtime::kNativeDomain, 1 << 20, 2);
  made_up.row(made_up.node(0, {0x10, again}), runtime::kNativeDomain, 1 << 20, 2);
  made_up.row(made_up.node(0, {0x20, first}), runtime::kNativeDomain, 1 << 20, 2);
  check_written(made_up);
}

TEST_CASE("a thread that stood still inside the tracer") {
  MadeUp made_up;
  made_up.missing_threads = 2;
  made_up.row(made_up.node(0, {0x10, kNoModule}), runtime::kNativeDomain, 100, 2);
  check_written(made_up);
}

TEST_CASE("random data") {
  std::mt19937_64 random(20261121);
  for (const std::uint32_t nodes : {1U, 2U, 3U, 10U, 30U, 100U, 300U, 1000U, 3000U}) {
    for (int round = 0; round < 10; ++round) check_written(random_data(random, nodes));
  }
}

TEST_CASE("more than a section holds") {
  std::mt19937_64 random(1);
  check_written(random_data(random, 450000));
}

// --- files ---

TEST_CASE("the file has the rights that any new file has, and replaces what is there") {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.zst", "old");
  const mode_t mask = umask(027);
  CHECK(runtime::write_snapshot(MadeUp().data(), path.c_str()));
  umask(mask);
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(folder.files() == 1);
  CHECK(read_snapshot(path).rows.size() == 0);
}

TEST_CASE("what cannot be written is an error, and leaves nothing") {
  const TemporaryFolder folder;
  int error = 0;
  CHECK_FALSE(runtime::write_snapshot(MadeUp().data(), folder.file("no/a.zst").c_str(), &error));
  CHECK(error == ENOENT);
  CHECK_FALSE(runtime::write_snapshot(MadeUp().data(), "/dev/full", &error));
  CHECK(error == ENOSPC);
  const std::string self = folder.file("folder");
  REQUIRE(mkdir(self.c_str(), 0777) == 0);
  CHECK_FALSE(runtime::write_snapshot(MadeUp().data(), self.c_str(), &error));
  CHECK(error == EISDIR);
  CHECK(folder.files() == 1);
}

TEST_CASE("a device is written, not replaced") {
  CHECK(runtime::write_snapshot(MadeUp().data(), "/dev/null"));
  struct stat status {};
  REQUIRE(stat("/dev/null", &status) == 0);
  CHECK(S_ISCHR(status.st_mode));
}

}  // namespace
}  // namespace memtrace::test
