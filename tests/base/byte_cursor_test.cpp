#include "base/byte_cursor.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "wire/varint.hpp"

namespace memtrace::test {
namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST_CASE("varints there and back, one by one and in bulk") {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < 2000; ++i)
    values.push_back(i % 5 == 0 ? i * i * i * i * i : i % 200);
  values.push_back(~std::uint64_t{0});
  std::string bytes(values.size() * wire::kMaxVarintSize, '\0');
  char* end = bytes.data();
  for (const std::uint64_t value : values) end = wire::put_varint(end, value);
  bytes.resize(static_cast<std::size_t>(end - bytes.data()));

  ByteCursor one(bytes_of(bytes));
  for (const std::uint64_t value : values) CHECK(one.varint() == value);
  CHECK(one.at_end());

  ByteCursor bulk(bytes_of(bytes));
  std::vector<std::uint64_t> read(values.size());
  bulk.varints(read);
  CHECK(read == values);
  CHECK(bulk.at_end());
}

TEST_CASE("nothing is read past the end") {
  const std::string bytes = "\x01\x80";
  ByteCursor cursor(bytes_of(bytes), 100);
  CHECK(cursor.varint() == 1);
  CHECK_THROWS_WITH_AS(cursor.varint(), "it ends in the middle of a number, at byte 102", Error);
  ByteCursor bulk(bytes_of(bytes));
  std::array<std::uint64_t, 3> three{};
  CHECK_THROWS_AS(bulk.varints(three), Error);
  ByteCursor string(bytes_of(bytes));
  CHECK_THROWS_AS(string.bytes(3), Error);
  CHECK_THROWS_AS(string.bytes(~std::uint64_t{0}), Error);
}

TEST_CASE("a number has 64 bits at the most") {
  const std::string most = std::string(9, '\xFF') + '\x01';
  CHECK(ByteCursor(bytes_of(most)).varint() == ~std::uint64_t{0});
  const std::string more = std::string(9, '\xFF') + '\x02';
  CHECK_THROWS_AS(ByteCursor(bytes_of(more)).varint(), Error);
}

TEST_CASE("numbers with a sign, and of a size that is known late") {
  const std::array<std::uint8_t, 8> bytes = {0x02, 0x7E, 0xFF, 0x00, 0x80, 0x7F, 0x39, 0x30};
  ByteCursor cursor(bytes);
  CHECK(cursor.signed_varint() == 2);
  CHECK(cursor.signed_varint() == -2);
  CHECK(cursor.signed_varint() == 127);
  CHECK(cursor.signed_varint() == -128);
  ByteCursor pair(cursor.take(2));
  CHECK(pair.fixed(2) == 12345);
  CHECK(cursor.at_end());
  CHECK_THROWS_AS(pair.fixed(1), Error);
  CHECK_THROWS_AS(ByteCursor(bytes_of(std::string(9, ' '))).fixed(9), Error);
  CHECK_THROWS_AS(cursor.skip(1), Error);
}

}  // namespace
}  // namespace memtrace::test
