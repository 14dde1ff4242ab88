// The encoder by itself: what memory it needs, and what it does where something fails. What it
// writes is tested with the readers and with both of its callers.
#include "wire/snapshot_encoder.hpp"

#include <doctest/doctest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace memtrace::wire {
namespace {

// Counts what is allocated, and can refuse.
struct Counted {
  std::size_t now = 0;
  std::size_t most = 0;
  std::size_t allocations = 0;
  std::size_t refused_from = ~std::size_t{0};  // the first allocation that fails
};
Counted counted;

constexpr EncodingMemory kCountedMemory = {.allocate = [](std::size_t size) -> void* {
                                             if (counted.allocations++ >= counted.refused_from)
                                               return nullptr;
                                             counted.now += size;
                                             counted.most = std::max(counted.most, counted.now);
                                             return std::calloc(size, 1);
                                           },
                                           .release =
                                               [](void* memory, std::size_t size) {
                                                 counted.now -= size;
                                                 std::free(memory);
                                               }};

struct MadeUpTables {
  PlainMetadata measures;
  std::vector<std::string> arguments, texts;
  std::map<std::string, std::string> labels;
  std::vector<PlainMemoryPoint> memory;
  std::vector<PlainFrame> all_frames;
  std::vector<PlainNode> tree{{}};
  std::vector<std::uint32_t> nodes_of_rows;
  std::vector<std::uint64_t> counts;

  [[nodiscard]] PlainMetadata metadata() const { return measures; }
  template <class Visit>
  void for_each_argument(Visit&& visit) const {
    for (const std::string& argument : arguments) visit(argument);
  }
  template <class Visit>
  void for_each_label(Visit&& visit) const {
    for (const auto& [name, value] : labels) visit(name, value);
  }
  [[nodiscard]] std::uint32_t strings() const { return static_cast<std::uint32_t>(texts.size()); }
  [[nodiscard]] std::string_view string(std::uint32_t i) const { return texts[i]; }
  [[nodiscard]] static std::uint32_t modules() { return 0; }
  [[nodiscard]] static PlainModule module(std::uint32_t /*i*/) { return {}; }
  [[nodiscard]] std::uint32_t frames() const {
    return static_cast<std::uint32_t>(all_frames.size());
  }
  [[nodiscard]] PlainFrame frame(std::uint32_t i) const { return all_frames[i]; }
  [[nodiscard]] std::uint32_t nodes() const { return static_cast<std::uint32_t>(tree.size()); }
  [[nodiscard]] PlainNode node(std::uint32_t i) const { return tree[i]; }
  [[nodiscard]] static std::uint32_t domains() { return 1; }
  [[nodiscard]] static PlainDomain domain(std::uint32_t /*i*/) { return {}; }
  [[nodiscard]] std::uint32_t rows() const { return static_cast<std::uint32_t>(counts.size()); }
  [[nodiscard]] std::uint32_t row_node(std::uint32_t i) const { return nodes_of_rows[i]; }
  [[nodiscard]] static std::uint32_t row_domain(std::uint32_t /*i*/) { return 0; }
  [[nodiscard]] static bool has_column(std::size_t column) { return column < 2; }
  [[nodiscard]] auto values(std::size_t /*column*/) const {
    return [this](std::uint32_t i) { return counts[i]; };
  }
  [[nodiscard]] bool has_content(std::uint32_t i) const { return counts[i] != 0; }
  [[nodiscard]] static bool has_variance(std::size_t /*column*/) { return false; }
  [[nodiscard]] static auto variances(std::size_t /*column*/) {
    return [](std::uint32_t /*i*/) { return 0.0; };
  }
  [[nodiscard]] static std::size_t points() { return 0; }
  [[nodiscard]] static PlainPoint point(std::size_t /*i*/) { return {}; }
  [[nodiscard]] std::size_t memory_points() const { return memory.size(); }
  [[nodiscard]] PlainMemoryPoint memory_point(std::size_t i) const { return memory[i]; }

  void row(std::uint32_t node, std::uint64_t value) {
    nodes_of_rows.push_back(node);
    counts.push_back(value);
  }
};

MadeUpTables tables_of(std::uint32_t nodes) {
  std::mt19937 random(7);
  MadeUpTables tables;
  for (std::uint32_t i = 0; i < 100; ++i) tables.texts.push_back("/srv/" + std::to_string(i));
  for (std::uint32_t i = 0; i < nodes / 4 + 1; ++i) {
    tables.all_frames.push_back({.filename = i % 100, .lineno = i});
  }
  for (std::uint32_t i = 1; i < nodes; ++i) {
    const auto frame = static_cast<std::uint32_t>(random() % tables.all_frames.size());
    tables.tree.push_back({.parent = static_cast<std::uint32_t>(random() % i), .frame = frame});
    tables.row(i, random());
  }
  return tables;
}

struct Written {
  EncodingError error;
  std::string file;
};

Written encoded(const MadeUpTables& tables, std::size_t room = ~std::size_t{0}) {
  struct Output {
    std::string file;
    std::size_t room;
  } output{.file = {}, .room = room};
  const EncodingOutput to = {.object = &output,
                             .write = [](void* object, const char* data, std::size_t size) {
                               auto& into = *static_cast<Output*>(object);
                               into.file.append(data, size);
                               return into.file.size() <= into.room;
                             }};
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> compressor(ZSTD_createCCtx(),
                                                                           ZSTD_freeCCtx);
  counted.now = counted.most = counted.allocations = 0;
  Written written{};
  written.error = SnapshotEncoder(tables, kCountedMemory, to, compressor.get()).run();
  written.file = output.file;
  CHECK(counted.now == 0);  // all is given back
  return written;
}

TEST_CASE("memory is some 40 bytes for a node with a row") {
  constexpr std::size_t kBuffers = std::size_t{3} << 20;
  for (const std::uint32_t nodes : {1U, 1000U, 200'000U}) {
    CHECK(encoded(tables_of(nodes)).error == EncodingError::none);
    CHECK(counted.most < kBuffers + 50 * std::size_t{nodes});
  }
}

TEST_CASE("where there is no memory, nothing is written") {
  const MadeUpTables tables = tables_of(50);
  REQUIRE(encoded(tables).error == EncodingError::none);
  const std::size_t all = counted.allocations;
  for (counted.refused_from = 0; counted.refused_from < all; ++counted.refused_from) {
    const Written written = encoded(tables);
    CHECK(written.error == EncodingError::no_memory);
    CHECK(written.file.empty());
  }
  counted.refused_from = ~std::size_t{0};
}

TEST_CASE("an output that fails is asked no more") {
  const MadeUpTables tables = tables_of(50);
  const std::size_t whole = encoded(tables).file.size();
  const Written written = encoded(tables, 10);
  CHECK(written.error == EncodingError::output);
  CHECK(written.file.size() < whole / 2);
}

TEST_CASE("what the format cannot hold is refused") {
  MadeUpTables tables = tables_of(3);
  tables.row(1, std::uint64_t{1} << 63);
  CHECK(encoded(tables).error == EncodingError::too_large);
  tables.counts.back() = 1;
  for (int i = 0; i < 3; ++i) tables.row(2, (std::uint64_t{1} << 63) - 1);
  CHECK(encoded(tables).error == EncodingError::too_large);
  tables = tables_of(2);
  tables.texts[0] = std::string(kMaxRawSize + 1, 'x');
  tables.all_frames[0].filename = tables.all_frames[0].function = 0;
  tables.tree[1].frame = 0;
  CHECK(encoded(tables).error == EncodingError::too_long);
}

TEST_CASE("a long name, and many short ones in the metadata, have room") {
  MadeUpTables tables = tables_of(2);
  tables.tree[1].frame = 0;
  tables.all_frames[0].filename = 0;
  tables.texts[0] = std::string(kMaxRawSize / 2, 'x');
  CHECK(encoded(tables).error == EncodingError::none);
  tables.arguments.assign(1'000'000, "");
  CHECK(encoded(tables).error == EncodingError::none);
  tables.arguments.assign(100'000, std::string(1000, 'y'));
  CHECK(encoded(tables).error == EncodingError::too_long);
}

}  // namespace
}  // namespace memtrace::wire
