#include "runtime/unwind/row_cache.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>

namespace memtrace::runtime {
namespace {

TEST_CASE("a thread's cache forgets when code may have moved") {
  const auto cache = std::make_unique<RowCache>();
  cache->refresh();
  CHECK(cache->find(0x1234) == nullptr);
  cache->put(Row{.address = 0x1234, .cfa = 5, .kind = RowKind::from_rsp});
  cache->refresh();
  REQUIRE(cache->find(0x1234) != nullptr);
  CHECK(cache->find(0x1234)->cfa == 5);
  const std::uint32_t before = cache->generation();
  RowCache::invalidate_all();
  cache->refresh();
  CHECK(cache->find(0x1234) == nullptr);
  CHECK(cache->generation() == before + 1);
}

TEST_CASE("rows that are written over each other never mix") {
  constexpr std::uint32_t kGeneration = 0xABCD1234;
  constexpr std::uintptr_t kBase = 0x7F0000000000;
  // Few addresses for many writes: they meet in the same places.
  const auto row_of = [](std::uintptr_t address, std::uint16_t version) {
    return Row{.address = address,
               .cfa = version,
               .rbp = static_cast<std::uint16_t>(version ^ (address & 0xFFFF)),
               .kind = RowKind::from_rsp};
  };
  const auto work = [&](std::uint16_t first) {
    int bad = 0;
    for (std::uint32_t i = 0; i < 200'000; ++i) {
      const std::uintptr_t address = kBase + i % 7;
      put_shared_row(row_of(address, static_cast<std::uint16_t>(first + i % 100)), kGeneration);
      Row found;
      if (!find_shared_row(kBase + i % 5, kGeneration, found)) continue;
      if ((found.cfa ^ found.rbp) != (found.address & 0xFFFF)) ++bad;
    }
    return bad;
  };
  int bad_there = 0;
  std::thread other([&] { bad_there = work(1); });
  const int bad_here = work(30'000);
  other.join();
  CHECK(bad_here == 0);
  CHECK(bad_there == 0);
  Row row;
  CHECK(find_shared_row(kBase, kGeneration, row));
  CHECK(!find_shared_row(kBase, kGeneration + 1, row));
  CHECK(!find_shared_row(kBase, kGeneration ^ 0x10000, row));
}

}  // namespace
}  // namespace memtrace::runtime
