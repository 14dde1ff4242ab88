#include <gtest/gtest.h>

#include "documents.hpp"
#include "mtrace/growth.hpp"

TEST(within, scope) {
  index_documents(0);
  const memtrace::ceiling within({.growth = "1 MiB", .peak = "1 MiB"});
  index_documents(10);
}

TEST(within, code) {
  const memtrace::ceiling within({.growth = 0}, [] { sort_in_memory(1000); });
}

TEST(within, number) {
  const memtrace::growth grown([] { index_documents(10); });
  EXPECT_LE(grown.bytes(), 11'000) << grown;
}

TEST(beyond, scope) {
  index_documents(0);
  const memtrace::ceiling within({.growth = "50 KiB"});
  index_documents(100);
}

TEST(beyond, code) {
  const memtrace::ceiling within({.peak = "50 KiB"}, [] { sort_in_memory(1'000'000); });
}

TEST(beyond, number) {
  const memtrace::growth grown([] { index_documents(100); });
  EXPECT_LT(grown.bytes(), 1000) << grown;
}
