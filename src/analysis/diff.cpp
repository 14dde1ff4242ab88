#include <array>
#include <compare>
#include <cstdlib>

#include "analysis/report_builder.hpp"

namespace memtrace {
namespace {

std::int64_t magnitude(std::int64_t difference) {
  return std::abs(difference);
}

// Larger first. Only ties look at tracebacks.
class DiffOrder {
 public:
  DiffOrder(const Grouping& grouping, const DiffRanking& ranking)
      : grouping_(grouping), sort_(ranking.sort), reverse_(ranking.reverse) {}

  bool operator()(const StatisticDiff& a, const StatisticDiff& b) const {
    return reverse_ ? comes_first(b, a) : comes_first(a, b);
  }

 private:
  using Key = std::array<std::int64_t, 5>;

  // What is compared before the tracebacks, most significant first.
  [[nodiscard]] Key key_of(const StatisticDiff& diff) const {
    const std::int64_t size = magnitude(diff.size_diff());
    const std::int64_t count = magnitude(diff.count_diff());
    switch (sort_) {
      case DiffSort::growth:
        return {diff.size_diff(), diff.after.size, diff.count_diff(), diff.after.count, 0};
      case DiffSort::count_diff:
        return {count, size, diff.after.size, diff.after.count, 0};
      case DiffSort::size:
        return {diff.after.size, size, diff.after.size, count, diff.after.count};
      default:
        return {size, diff.after.size, count, diff.after.count, 0};
    }
  }

  [[nodiscard]] bool comes_first(const StatisticDiff& a, const StatisticDiff& b) const {
    if (sort_ == DiffSort::location) return grouping_.compare(a.group, b.group) < 0;
    const Key x = key_of(a);
    const Key y = key_of(b);
    return x == y ? grouping_.compare(a.group, b.group) > 0 : x > y;
  }

  const Grouping& grouping_;
  DiffSort sort_;
  bool reverse_;
};

void count_change(ChangeCounts& counts, Change change) {
  switch (change) {
    case Change::added:
      ++counts.added;
      break;
    case Change::removed:
      ++counts.removed;
      break;
    case Change::grown:
      ++counts.grown;
      break;
    case Change::shrunk:
      ++counts.shrunk;
      break;
    case Change::unchanged:
      ++counts.unchanged;
      break;
  }
}

void add(Variance& to, const Variance& variance) {
  to.size += variance.size;
  to.count += variance.count;
}

void subtract(Amount& from, const Amount& amount) {
  from.size -= amount.size;
  from.count -= amount.count;
}

using Sides = std::array<Accumulated<Variance>, 2>;

Variance variance_of(const Sides& sides, GroupId group) {
  Variance variance;
  for (const Accumulated<Variance>& side : sides) {
    if (!side.groups.empty()) add(variance, side.groups[group]);
  }
  return variance;
}

// What is left of the totals when the ranked groups are taken off; groups that overlap leave
// nothing that means anything.
void set_rest(DiffReport& report, bool cumulative) {
  if (cumulative) return;
  report.rest_before = report.total_before;
  report.rest_after = report.total_after;
  for (const StatisticDiff& statistic : report.statistics) {
    subtract(report.rest_before, statistic.before);
    subtract(report.rest_after, statistic.after);
  }
}

}  // namespace

Change StatisticDiff::change() const {
  if (before == after) return Change::unchanged;
  if (before == Amount()) return Change::added;
  if (after == Amount()) return Change::removed;
  const std::int64_t difference = size_diff() != 0 ? size_diff() : count_diff();
  return difference > 0 ? Change::grown : Change::shrunk;
}

std::string_view name_of(DiffSort sort) {
  switch (sort) {
    case DiffSort::size_diff:
      return "size_diff";
    case DiffSort::growth:
      return "growth";
    case DiffSort::count_diff:
      return "count_diff";
    case DiffSort::size:
      return "size";
    case DiffSort::location:
      return "location";
  }
  return "";
}

DiffReport diff(const Snapshot& before, const Snapshot& after, const Selection& selection,
                const DiffRanking& ranking) {
  const ReportBuilder builder(std::array{&before, &after}, selection);
  const Accumulated<Amount> sums_before = builder.accumulate(0);
  const Accumulated<Amount> sums_after = builder.accumulate(1);
  const Sides variances = {builder.accumulate_variances(0), builder.accumulate_variances(1)};

  DiffReport report;
  report.metadata_before = before.metadata;
  report.metadata_after = after.metadata;
  report.total_before = sums_before.total;
  report.total_after = sums_after.total;
  for (const Accumulated<Variance>& side : variances) add(report.total_variance, side.total);
  std::uint64_t groups = 0;
  for (const GroupId group : ids_of(sums_after.groups)) {
    const StatisticDiff diff{group, sums_before.groups[group], sums_after.groups[group],
                             variance_of(variances, group)};
    if (diff.before == Amount() && diff.after == Amount()) continue;
    ++groups;
    const Change change = diff.change();
    count_change(report.changes, change);
    if (magnitude(diff.size_diff()) < ranking.min_size) continue;
    if (ranking.changed_only && change == Change::unchanged) continue;
    report.statistics.push_back(diff);
  }
  rank(report.statistics, ranking.limit, DiffOrder(builder.grouping(), ranking));

  report.rest_groups = groups - report.statistics.size();
  report.changed_only = ranking.changed_only;
  set_rest(report, selection.cumulative);
  builder.describe(report, ranking.min_size, groups);
  return report;
}

}  // namespace memtrace
