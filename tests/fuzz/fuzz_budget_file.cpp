// Any text at all, as a budget file and as a file of suppressions: an Error of one line that begins
// with the line's number, or budgets; and an update says what it should, and nothing more the next
// time.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/budget_file.hpp"
#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"

namespace {

using namespace memtrace;

constexpr std::chrono::sys_days kToday = std::chrono::year(2027) / 1 / 31;

const Snapshot& snapshot() {
  static const Snapshot made = test::snapshot_of(
      "0 1000000,2000000,3000000 3,30,300 main.py:1 cache.py:7@put\n"
      "1 10,20,30 3,3,3 main.py:1\n");
  return made;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void check_message(const Error& error) {
  const std::string message = error.what();
  require(!message.empty() && message.front() >= '0' && message.front() <= '9');
  require(message.find(": ") != std::string::npos);
}

void update(const BudgetFile& file) {
  CheckReport report;
  try {
    report = check(snapshot(), &snapshot(), file.budgets);
  } catch (const Error&) {
    return;  // a domain that there is not
  }
  BudgetUpdate updated;
  try {
    updated = update_budgets(file, report, 10, true);
  } catch (const Error&) {
    return;  // not safely
  }
  const BudgetFile again = parse_budgets(updated.text, {}, kToday);
  require(again.budgets.size() == file.budgets.size());
  const BudgetUpdate nothing =
      update_budgets(again, check(snapshot(), &snapshot(), again.budgets), 10, true);
  require(nothing.text == updated.text && nothing.tightened + nothing.loosened == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    update(parse_budgets(text, {}, kToday));
  } catch (const Error& error) {
    check_message(error);
  }
  try {
    static_cast<void>(parse_suppressions(text));
  } catch (const Error& error) {
    check_message(error);
  }
  return 0;
}
