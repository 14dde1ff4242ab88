#include "mtrace/trend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <thread>

#include "analysis/report_builder.hpp"
#include "analysis/series_table.hpp"
#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// More threads only wait for each other where groups are matched, and each holds a snapshot.
constexpr std::size_t kMostThreads = 8;

// Reads all snapshots into the table. Of several errors, the oldest snapshot's counts.
class SnapshotThreads {
 public:
  SnapshotThreads(const SnapshotReader& read, SeriesTable& table, std::vector<Metadata>& metadata)
      : read_(read), table_(table), metadata_(metadata), errors_(metadata.size()) {}

  void run() {
    {
      const auto threads = std::min<std::size_t>(
          {std::max(1U, std::thread::hardware_concurrency()), metadata_.size(), kMostThreads});
      std::vector<std::jthread> helpers;
      for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back([this] { work(); });
      work();
    }
    for (const std::exception_ptr& error : errors_) {
      if (error) std::rethrow_exception(error);
    }
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < metadata_.size() && !has_failed_; i = next_++) {
      try {
        Snapshot snapshot = read_(i);
        table_.add(i, snapshot);
        metadata_[i] = std::move(snapshot.metadata);
      } catch (...) {
        errors_[i] = std::current_exception();
        has_failed_ = true;
      }
    }
  }

  const SnapshotReader& read_;
  SeriesTable& table_;
  std::vector<Metadata>& metadata_;
  std::vector<std::exception_ptr> errors_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> has_failed_ = false;
};

std::vector<double> hours_of(const std::vector<Metadata>& metadata) {
  constexpr double kNanosecondsPerHour = 3600e9;
  std::vector<double> hours;
  for (const Metadata& one : metadata) {
    if (!one.created)
      throw Error("growth by the hour takes snapshots that say when they were made");
    const std::int64_t since = *one.created - *metadata.front().created;
    hours.push_back(static_cast<double>(since) / kNanosecondsPerHour);
  }
  return hours;
}

// What growth is counted by, at each snapshot.
std::vector<double> axis_of(const std::vector<Metadata>& metadata, const TrendOptions& options) {
  std::vector<double> x;
  switch (options.unit) {
    case TrendUnit::snapshot:
      for (std::size_t i = 0; i < metadata.size(); ++i) x.push_back(static_cast<double>(i));
      break;
    case TrendUnit::hour:
      x = hours_of(metadata);
      break;
    case TrendUnit::work:
      x = options.work;
      for (std::size_t i = 0; options.work.empty() && i < metadata.size(); ++i) {
        if (metadata[i].work) x.push_back(static_cast<double>(*metadata[i].work));
      }
      break;
  }
  if (x.size() != metadata.size()) {
    throw Error(
        "growth by work takes snapshots that say how much was done: mtrace snapshot --work N, or "
        "mtrace_add_work() in the program");
  }
  const auto back = std::adjacent_find(x.begin(), x.end(), std::greater<>());
  if (back != x.end()) {
    const auto number = back - x.begin() + 2;
    if (options.unit == TrendUnit::work) {
      throw Error(fmt::format("snapshot {} says less work than the one before", number));
    }
    throw Error(
        fmt::format("snapshot {} is older than the one before: the oldest comes first", number));
  }
  if (x.front() == x.back()) {
    throw Error(fmt::format("nothing to count growth by: no {} passes between the snapshots",
                            name_of(options.unit)));
  }
  return x;
}

Series series_of(const SeriesView& view) {
  return {{view.size.begin(), view.size.end()}, {view.count.begin(), view.count.end()}};
}

// What grows comes first, then the steeper, the larger in the end, and the later traceback.
class TrendOrder {
 public:
  TrendOrder(const Grouping& grouping, const SeriesColumns& columns,
             const std::vector<Judgement>& judgements)
      : grouping_(grouping), columns_(columns), judgements_(judgements) {}

  // Numbers of groups in the columns' list.
  bool operator()(std::size_t a, std::size_t b) const {
    const Judgement& x = judgements_[a];
    const Judgement& y = judgements_[b];
    const bool is_growing = x.verdict == Verdict::growing;
    if (is_growing != (y.verdict == Verdict::growing)) return is_growing;
    if (x.slope.value != y.slope.value) return x.slope.value > y.slope.value;
    const std::int64_t last_x = columns_[columns_.groups[a]].size.back();
    const std::int64_t last_y = columns_[columns_.groups[b]].size.back();
    if (last_x != last_y) return last_x > last_y;
    return grouping_.compare(columns_.groups[a], columns_.groups[b]) > 0;
  }

 private:
  const Grouping& grouping_;
  const SeriesColumns& columns_;
  const std::vector<Judgement>& judgements_;
};

// Judges all groups and the total as one family.
std::vector<Judgement> judge_all(TrendReport& report, const SeriesColumns& columns) {
  std::vector<SeriesView> series;
  series.reserve(columns.groups.size() + 1);
  for (const GroupId group : columns.groups) series.push_back(columns[group]);
  series.push_back({report.total.size, report.total.count});
  std::vector<Judgement> judgements = judge(series, report.x, report.total.size, report.options);
  report.total_judgement = judgements.back();
  judgements.pop_back();
  for (const Judgement& one : judgements) ++report.verdicts[static_cast<std::size_t>(one.verdict)];
  const bool any_grows = report.verdicts[static_cast<std::size_t>(Verdict::growing)] > 0;
  report.verdict = any_grows ? Verdict::growing : report.total_judgement.verdict;
  return judgements;
}

// None where a snapshot does not say it.
template <class Value>
std::optional<MemoryTrend> memory_trend(const TrendReport& report, const Value& value_of) {
  MemoryTrend trend;
  for (const Metadata& metadata : report.metadata) {
    const std::optional<std::uint64_t>& value = value_of(metadata);
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    if (!value || *value > kMost) return std::nullopt;
    trend.size.push_back(static_cast<std::int64_t>(*value));
  }
  const SeriesView series = {trend.size, {}};
  trend.judgement = judge({&series, 1}, report.x, trend.size, report.options).front();
  return trend;
}

void judge_memory(TrendReport& report) {
  report.traced = memory_trend(report, [](const Metadata& one) { return one.current; });
  report.held = memory_trend(report, [](const Metadata& one) { return one.memory.held; });
  report.resident = memory_trend(report, [](const Metadata& one) { return one.memory.resident; });
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::growing:
      return "growing";
    case Verdict::filling:
      return "filling";
    case Verdict::flat:
      return "flat";
    case Verdict::shrinking:
      return "shrinking";
    case Verdict::unsteady:
      return "unsteady";
  }
  return {};
}

std::string_view name_of(Doubt doubt) {
  switch (doubt) {
    case Doubt::none:
      return "none";
    case Doubt::few_snapshots:
      return "few snapshots";
    case Doubt::noise:
      return "noise";
    case Doubt::slowing:
      return "slowing";
    case Doubt::not_persistent:
      return "not persistent";
    case Doubt::no_more_blocks:
      return "no more blocks";
  }
  return {};
}

std::string_view name_of(TrendUnit unit) {
  switch (unit) {
    case TrendUnit::snapshot:
      return "snapshot";
    case TrendUnit::hour:
      return "hour";
    case TrendUnit::work:
      return "work";
  }
  return {};
}

std::optional<Forecast> reaches(const Judgement& judgement, std::int64_t last, std::int64_t limit) {
  const Slope& slope = judgement.slope;
  if (judgement.verdict != Verdict::growing || slope.value <= 0) return std::nullopt;
  const auto left = static_cast<double>(std::max<std::int64_t>(0, limit - last));
  Forecast forecast{left / slope.value, left / slope.high, std::nullopt};
  if (slope.low > 0) forecast.latest = left / slope.low;
  return forecast;
}

TrendReport trend(std::size_t snapshots, const SnapshotReader& read, const Selection& selection,
                  const TrendOptions& options, const TrendRanking& ranking) {
  if (snapshots < 3)
    throw Error(fmt::format("a trend takes 3 snapshots or more, not {}", snapshots));
  TrendReport report;
  report.options = options;
  report.metadata.resize(snapshots);
  SeriesTable table(selection, snapshots);
  SnapshotThreads(read, table, report.metadata).run();
  report.x = axis_of(report.metadata, options);
  for (const Amount& amount : table.totals()) {
    report.total.size.push_back(amount.size);
    report.total.count.push_back(amount.count);
  }
  const SeriesColumns columns = table.finish(report, ranking.min_size);
  const std::vector<Judgement> judgements = judge_all(report, columns);
  judge_memory(report);

  std::vector<std::size_t> ranked;
  for (std::size_t i = 0; i < columns.groups.size(); ++i) {
    const std::span<const std::int64_t> size = columns[columns.groups[i]].size;
    if (*std::max_element(size.begin(), size.end()) >= ranking.min_size) ranked.push_back(i);
  }
  rank(ranked, ranking.limit, TrendOrder(*columns.grouping, columns, judgements));
  for (const std::size_t i : ranked) {
    const GroupId group = columns.groups[i];
    report.statistics.push_back({group, series_of(columns[group]), judgements[i]});
  }
  report.rest_groups = columns.groups.size() - ranked.size();
  return report;
}

}  // namespace memtrace
