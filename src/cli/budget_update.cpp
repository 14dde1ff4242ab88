// Writing measured values back into a budget file.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/file_input.hpp"
#include "base/file_output.hpp"
#include "cli/arguments.hpp"
#include "cli/budget_file.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// In front of every time that there is, so that no budget has expired.
constexpr std::chrono::sys_days kLongAgo{};

// Where groups are judged one by one, a limit below the smallest that is says no more.
std::int64_t with_headroom(const Budget& budget, const LimitResult& result, double headroom) {
  constexpr double kHundred = 100, kMost = 9e18;
  const double highest = static_cast<double>(result.measured) + result.error;
  const double wanted = std::ceil(highest * (1 + headroom / kHundred));
  const bool is_size = result.kind != LimitKind::max_count;
  const std::int64_t least = budget.limits.per_group && is_size ? budget.limits.min_size : 0;
  return std::max({least, result.measured, static_cast<std::int64_t>(std::min(wanted, kMost))});
}

// The size in the largest unit that fits, rounded up to three digits: "8.3 MiB".
std::string size_text(std::int64_t size, std::string_view space) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double kStep = 1024, kDecimalBelow = 100, kDecimal = 10;
  auto number = static_cast<double>(size);
  std::size_t unit = 0;
  while (number >= kStep && unit + 1 < kUnits.size()) {
    number /= kStep;
    ++unit;
  }
  if (unit > 0 && number < kDecimalBelow) {
    number = std::ceil(number * kDecimal) / kDecimal;
    return fmt::format("{:g}{}{}", number, space, kUnits[unit]);
  }
  return fmt::format("{:.0f}{}{}", std::ceil(number), space, kUnits[unit]);
}

// A value as the file should have it: as a text where it was one, as a number where it was that.
struct NewValue {
  std::string text;
  std::int64_t value;
};

NewValue new_value(std::string_view written, std::int64_t wanted) {
  if (written.find_first_of("\"'") == std::string_view::npos) {
    return {std::to_string(wanted), wanted};
  }
  const std::string_view space = written.find(' ') == std::string_view::npos ? "" : " ";
  const std::string size = size_text(wanted, space);
  const char quote = written.front() == '\'' ? '\'' : '"';
  return {quote + size + quote, parse_size(size)};
}

struct Replacement {
  TextRange range;
  std::string text;
};

// Back to front, so that what is not replaced yet stays where it is.
std::string replaced(std::string text, std::vector<Replacement> replacements) {
  std::ranges::sort(replacements, [](const Replacement& a, const Replacement& b) {
    return a.range.begin > b.range.begin;
  });
  for (const Replacement& each : replacements) {
    text.replace(each.range.begin, each.range.end - each.range.begin, each.text);
  }
  return text;
}

// Where the budget's limit of that kind is in the file, and what it is.
struct WrittenLimit {
  TextRange range;
  std::optional<std::int64_t>* value;
};

std::optional<WrittenLimit> written_limit(LimitKind kind, const WrittenLimits& written,
                                          Limits& limits) {
  switch (kind) {
    case LimitKind::max_size:
      return WrittenLimit{written.max_size, &limits.max_size};
    case LimitKind::max_peak:
      return WrittenLimit{written.max_peak, &limits.max_peak};
    case LimitKind::max_count:
      return WrittenLimit{written.max_count, &limits.max_count};
    case LimitKind::max_growth:
    case LimitKind::fail_on_new:
      break;
  }
  return std::nullopt;
}

bool says(const BudgetFile& file, const std::vector<Budget>& expected) {
  return std::ranges::equal(file.budgets, expected, [](const Budget& a, const Budget& b) {
    return a.name == b.name && a.line == b.line && a.limits.max_size == b.limits.max_size &&
           a.limits.max_peak == b.limits.max_peak && a.limits.max_count == b.limits.max_count &&
           a.limits.max_growth == b.limits.max_growth &&
           a.limits.max_growth_percent == b.limits.max_growth_percent;
  });
}

bool is_safe(const std::string& text, const std::vector<Budget>& expected) {
  try {
    return says(parse_budgets(text, {}, kLongAgo), expected);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

BudgetUpdate update_budgets(const BudgetFile& file, const CheckReport& report, double headroom,
                            bool may_loosen) {
  BudgetUpdate update;
  std::vector<Budget> expected = file.budgets;
  std::vector<Replacement> replacements;
  for (const LimitResult& result : report.results) {
    const Budget& budget = report.budgets[result.budget];
    if (budget.line == 0) continue;
    const auto same_name = std::ranges::find(expected, budget.name, &Budget::name);
    if (same_name == expected.end()) continue;
    const auto index = static_cast<std::size_t>(same_name - expected.begin());
    const auto limit = written_limit(result.kind, file.written[index], same_name->limits);
    if (!limit) continue;
    const auto [begin, end] = limit->range;
    if (begin >= end || end > file.text.size())
      throw Error("the limits are written in a way that cannot be updated: edit them by hand");
    const std::string_view written = std::string_view(file.text).substr(begin, end - begin);
    NewValue value = new_value(written, with_headroom(budget, result, headroom));
    if (value.value == **limit->value || (value.value > **limit->value && !may_loosen)) continue;
    ++(value.value < **limit->value ? update.tightened : update.loosened);
    *limit->value = value.value;
    replacements.push_back({limit->range, std::move(value.text)});
  }
  update.text = replaced(file.text, std::move(replacements));
  if (!is_safe(update.text, expected)) {
    throw Error("the limits are written in a way that cannot be updated: edit them by hand");
  }
  return update;
}

void write_budget_file(const std::string& path, const BudgetFile& read, const std::string& text) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error("only a regular file can be updated").in(path);
  }
  FileInput input(path);
  if (read_up_to(input, read.text.size() + 1) != read.text) {
    throw Error("it changed since it was read: nothing is written").in(path);
  }
  Output output(path);
  output.write(text);
  output.commit();
}

}  // namespace memtrace
