#include <array>
#include <compare>

#include "analysis/report_builder.hpp"

namespace memtrace {
namespace {

double average_of(const Amount& amount) {
  return amount.count == 0 ? 0
                           : static_cast<double>(amount.size) / static_cast<double>(amount.count);
}

// Larger first. Only ties look at tracebacks.
class TopOrder {
 public:
  TopOrder(const Grouping& grouping, const TopRanking& ranking)
      : grouping_(grouping), sort_(ranking.sort), reverse_(ranking.reverse) {}

  bool operator()(const Statistic& a, const Statistic& b) const {
    return reverse_ ? comes_first(b, a) : comes_first(a, b);
  }

 private:
  [[nodiscard]] bool comes_first(const Statistic& a, const Statistic& b) const {
    const Amount& x = a.amount;
    const Amount& y = b.amount;
    if (sort_ == TopSort::location) return grouping_.compare(a.group, b.group) < 0;
    if (sort_ == TopSort::average && average_of(x) != average_of(y)) {
      return average_of(x) > average_of(y);
    }
    if (sort_ == TopSort::count && x.count != y.count) return x.count > y.count;
    if (x.size != y.size) return x.size > y.size;
    if (x.count != y.count) return x.count > y.count;
    return grouping_.compare(a.group, b.group) > 0;
  }

  const Grouping& grouping_;
  TopSort sort_;
  bool reverse_;
};

}  // namespace

std::string_view name_of(TopSort sort) {
  switch (sort) {
    case TopSort::size:
      return "size";
    case TopSort::count:
      return "count";
    case TopSort::average:
      return "average";
    case TopSort::location:
      return "location";
  }
  return "";
}

TopReport top(const Snapshot& snapshot, const Selection& selection, const TopRanking& ranking) {
  const ReportBuilder builder(std::array{&snapshot}, selection);
  const Accumulated<Amount> sums = builder.accumulate(0);
  const Accumulated<Variance> variances = builder.accumulate_variances(0);

  TopReport report;
  report.metadata = snapshot.metadata;
  report.total = sums.total;
  report.total_variance = variances.total;
  std::uint64_t groups = 0;
  for (const GroupId group : ids_of(sums.groups)) {
    const Amount& amount = sums.groups[group];
    if (amount == Amount()) continue;
    ++groups;
    if (amount.size < ranking.min_size) continue;
    report.statistics.push_back({group, amount});
    if (!variances.groups.empty()) report.statistics.back().variance = variances.groups[group];
  }
  rank(report.statistics, ranking.limit, TopOrder(builder.grouping(), ranking));

  report.rest_groups = groups - report.statistics.size();
  if (!selection.cumulative) {
    report.rest = report.total;
    for (const Statistic& statistic : report.statistics) {
      report.rest.size -= statistic.amount.size;
      report.rest.count -= statistic.amount.count;
    }
  }
  builder.describe(report, ranking.min_size, groups);
  return report;
}

}  // namespace memtrace
