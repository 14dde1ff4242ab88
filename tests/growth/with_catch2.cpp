#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "documents.hpp"
#include "mtrace/growth.hpp"

TEST_CASE("within: a scope") {
  index_documents(0);
  const memtrace::ceiling within({.growth = "1 MiB", .peak = "1 MiB"});
  index_documents(10);
}

TEST_CASE("within: code") {
  const memtrace::ceiling within({.growth = 0}, [] { sort_in_memory(1000); });
}

TEST_CASE("within: a number") {
  const memtrace::growth grown([] { index_documents(10); });
  INFO(grown);
  CHECK(grown.bytes() <= 11'000);
}

TEST_CASE("beyond: a scope") {
  index_documents(0);
  const memtrace::ceiling within({.growth = "50 KiB"});
  index_documents(100);
}

TEST_CASE("beyond: code") {
  const memtrace::ceiling within({.peak = "50 KiB"}, [] { sort_in_memory(1'000'000); });
}

TEST_CASE("beyond: a number") {
  const memtrace::growth grown([] { index_documents(100); });
  INFO(grown);
  CHECK(grown.bytes() < 1000);
}
