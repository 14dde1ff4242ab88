// The snapshot file, there and back, and what is refused.
#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "mtrace/read.hpp"
#include "mtrace/write.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

Snapshot sample() {
  Snapshot snapshot = snapshot_of(R"(
    0 1024,2048,4096 2,3,4 main.py:1@main worker.py:20@run
    7 512,512,512    1,1,1 main.py:1@main worker.py:20@run
    0 1,1,1          1,1,1 main.py:1@main /usr/lib/libx.so+0x1f3a
    0 0,0,9          0,0,1 main.py:1@main
  )");
  Metadata& metadata = snapshot.metadata;
  metadata.program = "worker";
  metadata.command = {"worker", "--jobs", "2"};
  metadata.pid = 4711;
  metadata.host = "alpha";
  metadata.started = 1'700'000'000'000'000'000;
  metadata.created = 1'700'000'001'000'000'000;
  metadata.traceback_limit = 25;
  metadata.current = 1537;
  metadata.peak = 2561;
  metadata.tracer_memory = 99;
  metadata.sampling_rate = 524288;
  metadata.merged = 3;
  metadata.losses = {
      .truncated_tracebacks = 1, .dropped_blocks = 2, .unknown_frees = 3, .missing_threads = 4};
  snapshot.timeline = {{1'700'000'000'500'000'000, 9000}, {1'700'000'000'600'000'000, 10}};
  return snapshot;
}

TEST_CASE("a snapshot survives writing and reading whole") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const Snapshot read = read_snapshot(folder.file("a.zst"));
  validate(read);
  CHECK(dump_of(read) == dump_of(sample()));
  CHECK(read.metadata == sample().metadata);
  CHECK(read.timeline == sample().timeline);
  CHECK(folder.files() == 1);
}

Snapshot sample_of_memory() {
  Snapshot snapshot = sample();
  snapshot.metadata.work = 81000;
  snapshot.metadata.labels = {{"release", "1.7.2"}, {"role", ""}};
  snapshot.metadata.memory = {.resident = 900,
                              .anonymous = 600,
                              .file = 250,
                              .shared = 50,
                              .huge_pages = 0,
                              .resident_peak = 1000,
                              .swapped = 7,
                              .cgroup_use = 5000,
                              .cgroup_limit = (std::uint64_t{1} << 63) - 1,
                              .held = 800,
                              .free = 300,
                              .allocator = "glibc"};
  snapshot.memory_timeline = {{1'700'000'000'500'000'000, 800, std::nullopt},
                              {1'700'000'000'500'000'000, std::nullopt, 0},
                              {1'700'000'001'000'000'000, 900, 800}};
  return snapshot;
}

TEST_CASE("work, labels and the process' memory survive") {
  const TemporaryFolder folder;
  const Snapshot sample = sample_of_memory();
  write_snapshot(sample, folder.file("a.zst"));
  const Snapshot read = read_snapshot(folder.file("a.zst"));
  validate(read);
  CHECK(read.metadata == sample.metadata);
  CHECK(read.memory_timeline == sample.memory_timeline);
  CHECK(dump_of(read) == dump_of(sample));
  CHECK(dump_of(read).find("label \"role\" \"\"\nresident 900\n") != std::string::npos);

  const SnapshotInfo info = read_info(folder.file("a.zst"), true);
  CHECK(info.format == "mtrace snapshot 1.1");
  CHECK(info.timeline == sample.timeline);
  CHECK(info.memory_timeline == sample.memory_timeline);
  CHECK(read_info(folder.file("a.zst")).memory_timeline.empty());
}

TEST_CASE("info tells of a file that was cut behind its metadata") {
  const TemporaryFolder folder;
  write_snapshot(sample_of_memory(), folder.file("a.zst"));
  const std::string bytes = folder.read("a.zst");
  const SnapshotInfo info =
      read_info(folder.write("cut.zst", bytes.substr(0, bytes.size() - 70)), true);
  CHECK(info.metadata.work == 81000);
  CHECK(info.memory_timeline.empty());
}

TEST_CASE("what a snapshot cannot say of memory is refused") {
  Snapshot snapshot = sample_of_memory();
  SUBCASE("a label without a name") {
    snapshot.metadata.labels[""] = "x";
  }
  SUBCASE("more bytes than there are") {
    snapshot.metadata.memory.held = std::uint64_t{1} << 63;
  }
  SUBCASE("points out of order") {
    snapshot.memory_timeline.push_back({5, 1, 1});
  }
  CHECK_THROWS_AS(validate(snapshot), Error);
  const TemporaryFolder folder;
  write_snapshot(snapshot, folder.file("a.zst"));
  CHECK_THROWS_AS(read_snapshot(folder.file("a.zst")), Error);
}

TEST_CASE("the same content gives the same bytes, in whatever order it came") {
  const TemporaryFolder folder;
  write_snapshot(snapshot_of("0 1 1 a:1 b:2\n0 2 2 a:1 c:3\n3 4 4 z:9"), folder.file("1.zst"));
  write_snapshot(snapshot_of("3 4 4 z:9\n0 2 2 a:1 c:3\n0 1 1 a:1 b:2"), folder.file("2.zst"));
  CHECK(folder.read("1.zst") == folder.read("2.zst"));
}

TEST_CASE("rows of one traceback and domain become one") {
  const TemporaryFolder folder;
  write_snapshot(snapshot_of("0 10 1 a:1\n0 20 2 a:1\n0 0 0 b:1"), folder.file("a.zst"));
  const Snapshot read = read_snapshot(folder.file("a.zst"));
  CHECK(read.rows.size() == 1);
  CHECK(total_of(*read.rows[Metric::live]) == Amount{.size = 30, .count = 3});
}

TEST_CASE("an empty snapshot is a snapshot") {
  const TemporaryFolder folder;
  write_snapshot(snapshot_of(""), folder.file("a.zst"));
  const Snapshot read = read_snapshot(folder.file("a.zst"));
  CHECK(read.rows.size() == 0);
  CHECK(read.rows[Metric::live].has_value());
}

TEST_CASE("one metric alone can be read") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const Snapshot peak = read_snapshot(folder.file("a.zst"), {.metric = Metric::peak});
  CHECK(total_of(*peak.rows[Metric::peak]) == Amount{.size = 2561, .count = 5});
  CHECK_FALSE(peak.rows[Metric::live].has_value());

  write_snapshot(snapshot_of("0 1 1 a:1"), folder.file("b.zst"));
  const std::string path = folder.file("b.zst");
  CHECK_THROWS_WITH_AS(read_snapshot(path, {.metric = Metric::total}),
                       (path + ": it has no total metric").c_str(), Error);
}

TEST_CASE("without domains, a traceback has one row") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const Snapshot folded = read_snapshot(folder.file("a.zst"), {.domains = false});
  validate(folded);
  CHECK(folded.rows.size() == 3);
  for (const Metric metric : kMetrics) {
    CHECK(total_of(*folded.rows[metric]) == total_of(*sample().rows[metric]));
  }
  CHECK(dump_of(snapshot_of("0 3 3 a:1\n0 4 1 b:1")) == [&] {
    write_snapshot(snapshot_of("7 1 1 a:1\n9 2 2 a:1\n8 4 1 b:1"), folder.file("b.zst"));
    return dump_of(read_snapshot(folder.file("b.zst"), {.domains = false}));
  }());
}

TEST_CASE("info reads the metadata alone") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const SnapshotInfo info = read_info(folder.file("a.zst"));
  CHECK(info.metadata == sample().metadata);
  CHECK(info.counts->rows == 4);
  CHECK(info.counts->nodes == 3);
  CHECK(*info.totals[2] == Amount{.size = 4618, .count = 7});
  CHECK(info.format == "mtrace snapshot 1.0");
}

TEST_CASE("a file cut anywhere is refused") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const std::string bytes = folder.read("a.zst");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const std::string path = folder.write("cut.zst", bytes.substr(0, size));
    CHECK_THROWS_AS(read_snapshot(path), Error);
  }
  CHECK_THROWS_AS(read_snapshot(folder.write("cut.zst", bytes + "x")), Error);
}

TEST_CASE("a flipped bit is noticed, or says nothing else") {
  const TemporaryFolder folder;
  write_snapshot(sample(), folder.file("a.zst"));
  const std::string bytes = folder.read("a.zst");
  const std::string expected = dump_of(sample());
  for (std::size_t bit = 0; bit < bytes.size() * 8; bit += 3) {
    CAPTURE(bit);
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    std::string dump = expected;  // one bit of a zstd frame's header means nothing
    try {
      dump = dump_of(read_snapshot(folder.write("flipped.zst", flipped)));
    } catch (const Error&) {
    }
    CHECK(dump == expected);
  }
}

TEST_CASE("large tables go on in further sections") {
  std::string text;
  for (std::int64_t i = 0; i < 300'000; ++i) {
    text += "0 " + std::to_string(i * 7919 % 100'000) + " 1 file" + std::to_string(i % 1000) +
            ".c:" + std::to_string(i) + "\n";
  }
  const TemporaryFolder folder;
  const Snapshot snapshot = snapshot_of(text);
  write_snapshot(snapshot, folder.file("a.zst"));
  const Snapshot read = read_snapshot(folder.file("a.zst"));
  CHECK(read.rows.size() == 300'000);
  CHECK(total_of(*read.rows[Metric::live]) == total_of(*snapshot.rows[Metric::live]));
}

}  // namespace
}  // namespace memtrace::test
