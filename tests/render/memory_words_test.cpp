// What is said of memory that no line explains.
#include "render/memory_words.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "render/renderer.hpp"

namespace memtrace::test {
namespace {

constexpr std::uint64_t kMebi = 1 << 20;

std::string text_of(const Sentence& sentence) {
  return words_of(sentence, Style(), [](std::string_view name) { return std::string(name); });
}

// A program whose heap is full of holes.
Metadata fragmented() {
  Metadata metadata;
  metadata.current = 8 * kMebi;
  metadata.peak = 500 * kMebi;
  metadata.tracer_memory = 6 * kMebi;
  metadata.memory.resident = 470 * kMebi;
  metadata.memory.anonymous = 465 * kMebi;
  metadata.memory.file = 5 * kMebi;
  metadata.memory.shared = 0;
  metadata.memory.held = 450 * kMebi;
  metadata.memory.free = 440 * kMebi;
  metadata.memory.allocator = "glibc";
  return metadata;
}

std::vector<std::string> gap_texts(const Metadata& metadata) {
  std::vector<std::string> texts;
  for (const MemoryGap& gap : gaps_of(metadata)) texts.push_back(text_of(gap.what));
  return texts;
}

TEST_CASE("the chain has what is known") {
  CHECK(text_of(memory_chain(fragmented())) ==
        "traced 8.0 MiB (peak 500.0 MiB) → held by glibc 450.0 MiB → resident 470.0 MiB");
  CHECK(memory_chain({}).empty());
  Metadata some;
  some.memory.resident = 1024;
  CHECK(text_of(memory_chain(some)) == "resident 1.0 KiB");
  some.memory.held = 512;
  some.memory.allocator = "\x1b[31m";
  CHECK(text_of(memory_chain(some)) == "held by the allocator 512 B → resident 1.0 KiB");
}

TEST_CASE("fragmentation is called by its name, and what helps is said") {
  const std::vector<MemoryGap> gaps = gaps_of(fragmented());
  REQUIRE(gaps.size() == 1);
  CHECK(gaps[0].size == 440 * static_cast<std::int64_t>(kMebi));
  CHECK(text_of(gaps[0].what) == "440.0 MiB are free in glibc's arenas: fragmentation, not a leak");
  CHECK(text_of(gaps[0].advice).find("MALLOC_ARENA_MAX") != std::string::npos);
  CHECK(text_of(gaps[0].advice).find("malloc_trim") != std::string::npos);
  CHECK(text_of(gap_words(fragmented())) == text_of(gaps[0].what));

  Metadata other = fragmented();
  other.memory.allocator = "jemalloc";
  CHECK(text_of(gap_words(other)) == "440.0 MiB are free in jemalloc: fragmentation, not a leak");
}

TEST_CASE("the other gaps") {
  Metadata metadata;
  metadata.current = 10 * kMebi;
  metadata.tracer_memory = 30 * kMebi;
  metadata.memory.resident = 200 * kMebi;
  metadata.memory.anonymous = 131 * kMebi;
  metadata.memory.file = 40 * kMebi;
  metadata.memory.shared = 30 * kMebi;
  metadata.memory.held = 60 * kMebi;
  metadata.memory.free = 2 * kMebi;
  metadata.memory.allocator = "tcmalloc";
  CHECK(gap_texts(metadata) ==
        std::vector<std::string>{
            "48.0 MiB are in blocks that are not traced, and in the headers of tcmalloc",
            "41.0 MiB are neither the allocator's nor a file's: stacks, and mappings of the "
            "program's own",
            "40.0 MiB are pages of files: code and mapped data", "30.0 MiB are shared memory",
            "30.0 MiB are the tracer's own"});
  // None of them is a quarter.
  CHECK(gap_words(metadata).empty());
}

TEST_CASE("small programs have no gaps, and what is not known is none") {
  Metadata metadata;
  metadata.current = 1;
  metadata.memory.resident = kMebi;
  metadata.memory.anonymous = kMebi;
  metadata.memory.file = kMebi;
  metadata.memory.held = kMebi;
  metadata.memory.free = kMebi;
  CHECK(gaps_of(metadata).empty());
  CHECK(gaps_of({}).empty());
}

TEST_CASE("numbers of any size do no harm") {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  Metadata metadata;
  metadata.current = ~std::uint64_t{0};
  metadata.tracer_memory = ~std::uint64_t{0};
  metadata.memory.resident = kMost;
  metadata.memory.anonymous = kMost;
  metadata.memory.file = kMost;
  metadata.memory.shared = kMost;
  metadata.memory.held = kMost;
  metadata.memory.free = kMost;
  CHECK(gaps_of(metadata).size() == 4);
  CHECK(memory_change({}, metadata).empty());
}

TEST_CASE("what changed") {
  const Metadata after = fragmented();
  Metadata before = after;
  before.current = 7 * kMebi;
  before.memory.held = 50 * kMebi;
  before.memory.free = 40 * kMebi;
  before.memory.resident = 70 * kMebi;
  CHECK(text_of(memory_change(before, after)) ==
        "traced +1.0 MiB, held by glibc +400.0 MiB, resident +400.0 MiB; +400.0 MiB are free in "
        "glibc's arenas: fragmentation, not a leak");
  before.memory.free = 440 * kMebi;
  CHECK(growth_of_free_memory(before, after).empty());
  CHECK(memory_change({}, after).empty());
}

TEST_CASE("a course over time, its peak marked") {
  const std::vector<std::int64_t> times = {0, 10, 20, 39}, values = {0, 8, 4, 2};
  const std::string course = marked_course(times, values);
  CHECK(course == "▁▁▁▁▁▁▁▁▁▁[█]█████████▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▃");
  CHECK(marked_course({}, {}).empty());
  CHECK(marked_course(std::vector<std::int64_t>{5, 5}, std::vector<std::int64_t>{1, 2}).empty());
}

}  // namespace
}  // namespace memtrace::test
