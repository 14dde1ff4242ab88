#include "cli/budget_file.hpp"

#include <doctest/doctest.h>

#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"
#include "support/temporary_folder.hpp"

namespace memtrace::test {
namespace {

constexpr std::chrono::sys_days kToday = std::chrono::year(2027) / 1 / 31;

BudgetFile parsed(const std::string& text) {
  return parse_budgets(text, {}, kToday);
}

std::string refusal_of(const std::string& text) {
  try {
    parsed(text);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// What the file says after everything was measured as 10 bytes in 3 blocks, 20 bytes at the peak.
std::string updated(const std::string& text, double headroom = 0, bool may_loosen = false) {
  const BudgetFile file = parsed(text);
  const Snapshot snapshot = snapshot_of("0 10,20,30 3,3,3 main.py:1\n");
  const CheckReport report = check(snapshot, nullptr, file.budgets);
  return update_budgets(file, report, headroom, may_loosen).text;
}

const std::string kStart = "[[budget]]\nname = \"a\"\n";

TEST_CASE("a budget has a selection, limits and words for people") {
  const BudgetFile file = parsed(
      "[[budget]]\n"
      "name = \"a\"\n"
      "reason = \"r\"\n"
      "owner = 'o'\n"
      "expires = 2027-01-31\n"
      "group_by = \"function\"\n"
      "metric = \"total\"\n"
      "include = [\"*.py\", \"b:3\"]\n"
      "exclude = \"c\"\n"
      "domain = 3\n"
      "mine = true\n"
      "max_size = \"1.5 KiB\"\n"
      "max_peak = 1_000\n"
      "max_count = 0x10\n"
      "max_growth = [\"5%\", 64]\n"
      "fail_on_new = true\n"
      "per_group = true\n"
      "min_size = \"1K\"\n"
      "\n"
      "[[budget]]\n"
      "name = \"b\"\n"
      "max_growth = \"2.5 %\"\n");
  REQUIRE(file.budgets.size() == 2);
  const Budget& a = file.budgets[0];
  CHECK(a.line == 1);
  CHECK(a.reason == "r");
  CHECK(a.owner == "o");
  CHECK(a.expires == "2027-01-31");
  CHECK(a.selection.group_by == GroupBy::function);
  CHECK(a.selection.metric == Metric::total);
  REQUIRE(a.selection.include.size() == 2);
  CHECK(a.selection.include[1].lineno() == 3);
  CHECK(a.selection.exclude.size() == 1);
  CHECK(a.selection.domain == "3");
  CHECK(a.selection.mine);
  CHECK(a.limits.max_size == 1536);
  CHECK(a.limits.max_peak == 1000);
  CHECK(a.limits.max_count == 16);
  CHECK(a.limits.max_growth == 64);
  CHECK(a.limits.max_growth_percent == 5);
  CHECK(a.limits.fail_on_new);
  CHECK(a.limits.per_group);
  CHECK(a.limits.min_size == 1024);
  CHECK(file.budgets[1].line == 20);
  CHECK(file.budgets[1].limits.max_growth_percent == 2.5);
  CHECK_FALSE(file.budgets[1].limits.max_growth);
}

TEST_CASE("what a budget does not say is as on the command line") {
  const Selection base{.group_by = GroupBy::module, .mine = true, .include = {Pattern("a")}};
  const BudgetFile file =
      parse_budgets(kStart + "max_size = 1\ninclude = \"b\"\nmine = false\n", base, kToday);
  const Selection& selection = file.budgets.front().selection;
  CHECK(selection.group_by == GroupBy::module);
  CHECK_FALSE(selection.mine);
  REQUIRE(selection.include.size() == 1);
  CHECK(selection.include.front().text() == "b");
}

TEST_CASE("where the parser asserts, the line is refused") {
  CHECK(refusal_of(kStart + "max_size = 1\n\n[\\budget]]\nname = 'b'\n") == "5: it is not TOML");
  CHECK(refusal_of("[\\budget]]") == "1: it is not TOML");
}

TEST_CASE("what is wrong first is said first, with its line") {
  CHECK(refusal_of(kStart + "max_sise = 1\nowner = 5\n") ==
        "3: unknown key 'max_sise', did you mean 'max_size'?");
  CHECK(refusal_of(kStart + "owner = 5\nmax_sise = 1\n") ==
        "3: owner is a text: write owner = \"…\"");
  CHECK(refusal_of(kStart + "max_size = 1\n\n" + kStart + "max_size = 1\n") ==
        "5: there are two budgets 'a'");
  CHECK(refusal_of(kStart + "max_size = 1\nexpires = 2027-01-30\n") ==
        "4: budget 'a' expired on 2027-01-30: renew or remove it");
  CHECK(refusal_of(kStart + "max_size = 1\nexpires = 2027-01-31\n").empty());
  CHECK(refusal_of(kStart + "max_size = 1\nexpires = 2027-01-30T00:00:00Z\n") ==
        "4: expires is a date without quotes: write 2027-01-31");
  CHECK(refusal_of("x = 1\n" + kStart) ==
        "1: unknown key 'x': mtrace-check(1) lists those that there are");
}

TEST_CASE("an update changes the limits and no other byte") {
  CHECK(updated("# é\r\n[[budget]] # one\r\n\tname=\"ü\"\r\n\tmax_size  =  1_000  # ö\r\n") ==
        "# é\r\n[[budget]] # one\r\n\tname=\"ü\"\r\n\tmax_size  =  10  # ö\r\n");
  CHECK(updated("budget = [{name = \"日本\", max_size = \"1 KiB\", max_count = 9}, "
                "{name = 'b', max_peak = '1KiB'}]") ==
        "budget = [{name = \"日本\", max_size = \"10 B\", max_count = 3}, "
        "{name = 'b', max_peak = '20B'}]");
  CHECK(updated(kStart + "max_size = \"\"\"1 KiB\"\"\"\n") == kStart + "max_size = \"10 B\"\n");
  CHECK(updated("\xEF\xBB\xBF" + kStart + "max_size = 11\n") ==
        "\xEF\xBB\xBF" + kStart + "max_size = 10\n");
  CHECK(updated(kStart + "\"max_size\" = 0x1F\nmax_count = +7") ==
        kStart + "\"max_size\" = 10\nmax_count = 3");
}

TEST_CASE("a limit becomes higher only if that is asked for") {
  CHECK(updated(kStart + "max_size = 5\n") == kStart + "max_size = 5\n");
  CHECK(updated(kStart + "max_size = 5\n", 0, true) == kStart + "max_size = 10\n");
  CHECK(updated(kStart + "max_size = 11\n", 10) == kStart + "max_size = 11\n");
  CHECK(updated(kStart + "max_size = 12\n", 10) == kStart + "max_size = 11\n");
  CHECK(updated(kStart + "max_size = 12\n", 15) == kStart + "max_size = 12\n");
}

TEST_CASE("a limit of each group does not go below the smallest that is judged") {
  CHECK(updated(kStart + "max_size = 99\nper_group = true\nmin_size = 50\n") ==
        kStart + "max_size = 50\nper_group = true\nmin_size = 50\n");
}

TEST_CASE("a size is written rounded up, in the unit that fits") {
  const auto written = [](std::int64_t size) {
    const BudgetFile file = parsed(kStart + "max_size = \"1 TiB\"\n");
    const Snapshot snapshot = snapshot_of("0 " + std::to_string(size) + " 1 main.py:1\n");
    const std::string text =
        update_budgets(file, check(snapshot, nullptr, file.budgets), 0, true).text;
    const std::size_t begin = text.find('"', text.find("max_size")) + 1;
    return text.substr(begin, text.find('"', begin) - begin);
  };
  CHECK(written(1023) == "1023 B");
  CHECK(written(1024) == "1 KiB");
  CHECK(written(1025) == "1.1 KiB");
  CHECK(written(8'650'752) == "8.3 MiB");
  CHECK(written(123'456'789) == "118 MiB");
  CHECK(written((std::int64_t{1} << 30) - 1) == "1024 MiB");
}

TEST_CASE("a file that changed since it was read is not replaced") {
  const TemporaryFolder folder;
  const std::string path = folder.write("mtrace.toml", kStart + "max_size = 11\n");
  const BudgetFile file = read_budget_file(path, {});
  write_budget_file(path, file, "new");
  CHECK(folder.read("mtrace.toml") == "new");
  CHECK_THROWS_WITH_AS(write_budget_file(path, file, "newer"),
                       (path + ": it changed since it was read: nothing is written").c_str(),
                       Error);
  CHECK(folder.read("mtrace.toml") == "new");
  CHECK(folder.files() == 1);
}

}  // namespace
}  // namespace memtrace::test
