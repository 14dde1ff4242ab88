// mtrace.toml: budgets that are kept beside the code.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mtrace/check.hpp"

namespace memtrace {

// Which bytes of the file a value is; empty: it is not there.
struct TextRange {
  std::size_t begin = 0, end = 0;
};

// Where a budget's limits that `--update` writes are.
struct WrittenLimits {
  TextRange max_size, max_peak, max_count;
};

struct BudgetFile {
  std::string text;
  std::vector<Budget> budgets;
  std::vector<WrittenLimits> written;  // of each budget
};

// A budget's selection is `base` with what the file says in its place. Throws Error, headed by the
// number of the line: "12: unknown key 'max-size', …". So does a budget that expired before
// `today`.
BudgetFile parse_budgets(std::string text, const Selection& base, std::chrono::sys_days today);

// The same of a file. Throws Error, headed by the path and the line.
BudgetFile read_budget_file(const std::string& path, const Selection& base);
std::vector<Suppression> read_suppressions(const std::string& path);

struct BudgetUpdate {
  std::string text;  // what the file should be
  std::uint64_t tightened = 0, loosened = 0;
};

// Puts what was measured, and `headroom` percent more, in place of the file's limits on size, peak
// and count. All other bytes stay. A limit only becomes higher if that is asked for. Throws Error
// where the new text would not say what it should.
BudgetUpdate update_budgets(const BudgetFile& file, const CheckReport& report, double headroom,
                            bool may_loosen);

// Replaces the file, which must be what was read. Throws Error, headed by the path.
void write_budget_file(const std::string& path, const BudgetFile& read, const std::string& text);

}  // namespace memtrace
