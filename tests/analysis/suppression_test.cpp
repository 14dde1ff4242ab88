#include <doctest/doctest.h>

#include <string>

#include "mtrace/check.hpp"
#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

// Whether a pattern suppresses a block of a function of that name.
bool suppresses(const std::string& pattern, const std::string& function) {
  Snapshot snapshot = snapshot_of("0 1 1 file:1@" + function + "\n");
  return suppress(snapshot, parse_suppressions("leak:" + pattern)).front().amount.count == 1;
}

TEST_CASE("a pattern is a part of a name") {
  CHECK(suppresses("parse", "json_parse_all"));
  CHECK(suppresses("all", "json_parse_all"));
  CHECK_FALSE(suppresses("Parse", "json_parse_all"));
  CHECK(suppresses("json*all", "json_parse_all"));
  CHECK(suppresses("j*p*a", "json_parse_all"));
  CHECK_FALSE(suppresses("all*json", "json_parse_all"));
  CHECK(suppresses("*parse*", "json_parse_all"));
}

TEST_CASE("^ and $ are the ends of the name") {
  CHECK(suppresses("^json", "json_parse"));
  CHECK_FALSE(suppresses("^parse", "json_parse"));
  CHECK(suppresses("parse$", "json_parse"));
  CHECK_FALSE(suppresses("json$", "json_parse"));
  CHECK(suppresses("^json*parse$", "json_parse"));
  CHECK(suppresses("^json_parse$", "json_parse"));
  CHECK_FALSE(suppresses("^json$", "json_json"));
  CHECK_FALSE(suppresses("^ab*ba$", "aba"));
  CHECK(suppresses("^a*b*a$", "aba"));
  CHECK(suppresses("a^b", "a^b"));
}

TEST_CASE("what is special in other globs means itself") {
  CHECK(suppresses("operator[]", "List::operator[]"));
  CHECK_FALSE(suppresses("[ab]", "ab"));
  CHECK(suppresses("a?b", "a?b"));
  CHECK_FALSE(suppresses("a?b", "aXb"));
}

TEST_CASE("any frame may match, by its function, file or module, and each block counts once") {
  Snapshot snapshot = snapshot_of(
      "0 1 1 main.py:1 cache.py:7@put malloc:1@malloc\n"
      "0 10 2 main.py:1 libz.so+0x40\n"
      "0 100 3 main.py:2 log.py:1@write\n");
  const std::vector<Suppressed> result = suppress(
      snapshot, parse_suppressions("# known\n\nleak:cache.py\r\n  leak:libz \nleak:nothing"));
  REQUIRE(result.size() == 3);
  CHECK(result[0].by.pattern == "cache.py");
  CHECK(result[0].by.line == 3);
  CHECK(result[0].amount == Amount{1, 1});
  CHECK(result[1].amount == Amount{10, 2});
  CHECK(result[2].amount == Amount());
  CHECK(total_of(*snapshot.rows[Metric::live]) == Amount{100, 3});
  validate(snapshot);
}

TEST_CASE("the most recent frame that matches says which suppression it is") {
  Snapshot snapshot = snapshot_of("0 1 1 a:1@older b:1@newer c:1@newest\n");
  const auto result = suppress(snapshot, parse_suppressions("leak:older\nleak:newer\n"));
  CHECK(result[0].amount.count == 0);
  CHECK(result[1].amount.count == 1);
}

TEST_CASE("all metrics lose what is suppressed") {
  Snapshot snapshot = snapshot_of("0 1,2,3 1,2,3 a:1@f\n");
  const auto result = suppress(snapshot, parse_suppressions("leak:f"));
  CHECK(result[0].metric == Metric::live);
  for (const Metric metric : kMetrics) CHECK(total_of(*snapshot.rows[metric]) == Amount());
}

TEST_CASE("a line that is no suppression is refused with its number") {
  const auto refusal = [](std::string_view text) -> std::string {
    try {
      parse_suppressions(text);
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  };
  CHECK(refusal("leak:a\nrace:b\n") ==
        "2: 'race' is an unknown kind of suppression: write leak:PATTERN");
  CHECK(refusal("\n\nmain") == "3: 'main' is no suppression: write leak:PATTERN");
  CHECK(refusal("leak:") == "1: 'leak:' would suppress everything");
  CHECK(refusal("leak:^*$") == "1: 'leak:^*$' would suppress everything");
  CHECK(refusal("").empty());
}

}  // namespace
}  // namespace memtrace::test
