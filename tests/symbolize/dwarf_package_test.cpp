#include "symbolize/dwarf_package.hpp"

#include <doctest/doctest.h>

#include <initializer_list>
#include <vector>

#include "mtrace/error.hpp"

namespace memtrace::test {
namespace {

void put(std::vector<std::uint8_t>& bytes, std::uint64_t number, unsigned size) {
  for (unsigned i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

struct Slot {
  std::uint64_t unit = 0;
  std::uint32_t row = 0;
};

// Two columns: .debug_info and the section `other`. Row n has (100 n, 10 n) and (1000 n, n).
std::vector<std::uint8_t> index_of(std::uint32_t version, std::uint32_t other,
                                   const std::vector<Slot>& slots, std::uint32_t units) {
  std::vector<std::uint8_t> bytes;
  for (const std::uint32_t number :
       {version, 2U, units, static_cast<std::uint32_t>(slots.size())}) {
    put(bytes, number, 4);
  }
  for (const Slot& slot : slots) put(bytes, slot.unit, 8);
  for (const Slot& slot : slots) put(bytes, slot.row, 4);
  put(bytes, 1, 4);
  put(bytes, other, 4);
  for (const bool are_sizes : {false, true}) {
    for (std::uint32_t row = 1; row <= units; ++row) {
      put(bytes, row * (are_sizes ? 10 : 100), 4);
      put(bytes, row * (are_sizes ? 1 : 1000), 4);
    }
  }
  return bytes;
}

std::uint64_t size_of(const PackageIndex::Parts& parts, PackageSection section) {
  return parts[static_cast<std::size_t>(section)].size;
}

TEST_CASE("a unit's parts are found by its number, also where others are in its place") {
  // 4 and 8 begin at slot 0; the step of both is 1, of the third it is 3.
  const std::vector<Slot> slots = {{4, 1}, {8, 2}, {}, {0x300000004, 3}};
  for (const std::uint32_t version : {2U, 5U}) {
    const std::vector<std::uint8_t> bytes = index_of(version, 3, slots, 3);
    const PackageIndex index(bytes);
    for (const Slot& slot : slots) {
      if (slot.row == 0) continue;
      const auto parts = index.find(slot.unit);
      REQUIRE(parts.has_value());
      const auto [offset, size] = (*parts)[static_cast<std::size_t>(PackageSection::information)];
      CHECK(offset == 100 * slot.row);
      CHECK(size == 10 * slot.row);
      CHECK(size_of(*parts, PackageSection::abbreviations) == slot.row);
      CHECK(size_of(*parts, PackageSection::string_offsets) == 0);
    }
    CHECK_FALSE(index.find(12).has_value());
    CHECK_FALSE(index.find(0).has_value());
  }
}

TEST_CASE("the eighth kind of section is range lists only in the standard's version") {
  const std::vector<Slot> slots = {{.unit = 1, .row = 0}, {.unit = 1, .row = 1}};
  CHECK(size_of(*PackageIndex(index_of(5, 8, slots, 1)).find(1), PackageSection::range_lists) == 1);
}

TEST_CASE("an index without a free place is searched once, not for ever") {
  const std::vector<std::uint8_t> bytes = index_of(5, 3, {{2, 1}, {3, 1}}, 1);
  CHECK_FALSE(PackageIndex(bytes).find(4).has_value());
}

TEST_CASE("an empty index has nothing") {
  const std::vector<std::uint8_t> bytes = index_of(5, 3, {}, 0);
  CHECK_FALSE(PackageIndex(bytes).find(4).has_value());
}

TEST_CASE("a damaged index is refused") {
  const std::vector<Slot> slots = {{4, 1}, {}};
  const std::vector<std::uint8_t> whole = index_of(5, 3, slots, 1);
  SUBCASE("cut off anywhere") {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK_THROWS_AS(PackageIndex(Bytes(whole).first(size)), Error);
    }
  }
  SUBCASE("of a version that is not known") {
    CHECK_THROWS_WITH_AS(PackageIndex(index_of(3, 3, slots, 1)),
                         "its index is of an unknown version", Error);
  }
  SUBCASE("with counts that nothing backs up") {
    for (const std::size_t field : {4U, 8U, 12U}) {
      std::vector<std::uint8_t> bytes = whole;
      for (std::size_t i = 0; i < 4; ++i) bytes[field + i] = 0xFF;
      CHECK_THROWS_AS(PackageIndex{bytes}, Error);
      bytes[field] = bytes[field + 1] = bytes[field + 2] = 0;  // a power of two
      bytes[field + 3] = 0x40;
      CHECK_THROWS_AS(PackageIndex{bytes}, Error);
    }
  }
  SUBCASE("with a row that is not there") {
    const std::vector<std::uint8_t> bytes = index_of(5, 3, {{4, 7}, {}}, 1);
    CHECK_THROWS_WITH_AS(static_cast<void>(PackageIndex(bytes).find(4)), "its index is damaged",
                         Error);
  }
}

}  // namespace
}  // namespace memtrace::test
