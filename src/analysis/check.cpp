#include "mtrace/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "mtrace/error.hpp"

namespace memtrace {
namespace {

// The error bar of an estimate: wide enough for 95 % of all cases.
constexpr double kStandardErrors = 2;
// What no sample hit is smaller than so many sampling rates, in 95 % of all cases: exp(-3) = 0.05.
constexpr double kUnseenRates = 3;

// The sum, or one group of it, by one limit.
struct Candidate {
  Offender offender;
  std::int64_t value = 0, allowed = 0;
  double error = 0;  // kStandardErrors of them

  [[nodiscard]] bool is_over() const {
    return static_cast<double>(value) - error > static_cast<double>(allowed);
  }
  [[nodiscard]] bool may_be_over() const {
    return static_cast<double>(value) + error > static_cast<double>(allowed);
  }
  [[nodiscard]] std::int64_t excess() const { return value - allowed; }
};

// A sum of percent that no integer holds is no limit.
std::int64_t part_of(std::int64_t whole, double percent) {
  constexpr double kHundred = 100, kMost = 9e18;
  return static_cast<std::int64_t>(
      std::min(std::floor(static_cast<double>(whole) * percent / kHundred), kMost));
}

// Both limits must be exceeded: that is the larger one.
std::int64_t allowed_growth(const Limits& limits, std::int64_t before) {
  const std::int64_t size = limits.max_growth.value_or(0);
  return limits.max_growth_percent ? std::max(size, part_of(before, *limits.max_growth_percent))
                                   : size;
}

std::int64_t allowed_by(const Limits& limits, LimitKind kind, std::int64_t before) {
  switch (kind) {
    case LimitKind::max_size:
      return *limits.max_size;
    case LimitKind::max_peak:
      return *limits.max_peak;
    case LimitKind::max_count:
      return *limits.max_count;
    case LimitKind::max_growth:
      return allowed_growth(limits, before);
    case LimitKind::fail_on_new:
      break;
  }
  return 0;
}

bool is_given(const Limits& limits, LimitKind kind) {
  switch (kind) {
    case LimitKind::max_size:
      return limits.max_size.has_value();
    case LimitKind::max_peak:
      return limits.max_peak.has_value();
    case LimitKind::max_count:
      return limits.max_count.has_value();
    case LimitKind::max_growth:
      return limits.limits_growth();
    case LimitKind::fail_on_new:
      return limits.fail_on_new;
  }
  return false;
}

bool filters_blocks(const Selection& selection) {
  return !selection.include.empty() || !selection.exclude.empty() || !selection.function.empty() ||
         !selection.module.empty() || selection.domain.has_value();
}

// Whether some option that keeps blocks has no value that matches anything.
bool has_only_unmatched(const Report& report) {
  const Selection& selection = report.selection();
  const auto is_unmatched = [&](std::string_view option, std::size_t given) {
    const auto unmatched = std::ranges::count_if(
        report.unmatched(), [&](const UnmatchedFilter& each) { return each.option == option; });
    return given > 0 && static_cast<std::size_t>(unmatched) == given;
  };
  return is_unmatched("--include", selection.include.size()) ||
         is_unmatched("--function", selection.function.size()) ||
         is_unmatched("--module", selection.module.size());
}

// What reports of one snapshot and of two have in common here.
struct JudgedGroups {
  std::shared_ptr<const Report> report{};
  Offender total{};
  std::vector<Offender> groups{};
  double unseen = 0;  // bytes that no sample may have hit
};

// Checks the limits of one budget. The groups of a report are looked at once for each limit.
class BudgetCheck {
 public:
  BudgetCheck(const Snapshot& snapshot, const Snapshot* baseline, const Budget& budget,
              const CheckOptions& options)
      : snapshot_(snapshot), baseline_(baseline), budget_(budget), options_(options) {}

  LimitResult check(LimitKind kind) {
    LimitResult result;
    result.kind = kind;
    switch (kind) {
      case LimitKind::max_size:
      case LimitKind::max_count:
        judge(result, top_by(budget_.selection.metric));
        break;
      case LimitKind::max_peak:
        judge(result, top_by(Metric::peak));
        break;
      case LimitKind::max_growth:
      case LimitKind::fail_on_new:
        judge(result, growth());
        break;
    }
    return result;
  }

 private:
  JudgedGroups& top_by(Metric metric) {
    auto& groups = tops_[static_cast<std::size_t>(metric)];
    if (groups) return *groups;
    Selection selection = budget_.selection;
    selection.metric = metric;
    auto report = std::make_shared<TopReport>(top(snapshot_, selection));
    groups.emplace();
    groups->total = {{}, {}, report->total, report->total_variance};
    for (const Statistic& each : std::exchange(report->statistics, {})) {
      groups->groups.push_back({each.group, {}, each.amount, each.variance});
    }
    groups->unseen = unseen_in(*report, snapshot_.metadata);
    groups->report = std::move(report);
    return *groups;
  }

  JudgedGroups& growth() {
    if (growth_) return *growth_;
    if (baseline_ == nullptr) throw Error("growth needs a baseline");
    auto report = std::make_shared<DiffReport>(
        diff(*baseline_, snapshot_, budget_.selection, {.sort = DiffSort::growth}));
    growth_.emplace();
    growth_->total = {{}, report->total_before, report->total_after, report->total_variance};
    for (const StatisticDiff& each : std::exchange(report->statistics, {})) {
      growth_->groups.push_back({each.group, each.before, each.after, each.variance});
    }
    growth_->unseen =
        std::max(unseen_in(*report, snapshot_.metadata), unseen_in(*report, baseline_->metadata));
    growth_->report = std::move(report);
    return *growth_;
  }

  static double unseen_in(const Report& report, const Metadata& metadata) {
    if (!report.is_estimate()) return 0;
    return kUnseenRates * static_cast<double>(metadata.sampling_rate.value_or(1));
  }

  void judge(LimitResult& result, JudgedGroups& of) {
    result.report = of.report;
    if (selects_nothing(of)) {
      result.finding = Finding::nothing_selected;
    } else if (result.kind == LimitKind::fail_on_new) {
      judge_new(result, of);
    } else if (budget_.limits.per_group) {
      judge_groups(result, of);
    } else {
      judge_sum(result, of);
    }
  }

  // Growth of the bytes that it is about, or the amount afterwards.
  [[nodiscard]] Candidate candidate(LimitKind kind, const Offender& of) const {
    Candidate candidate{.offender = of};
    const bool is_count = kind == LimitKind::max_count;
    candidate.value = is_count                        ? of.after.count
                      : kind == LimitKind::max_growth ? of.after.size - of.before.size
                                                      : of.after.size;
    candidate.allowed = allowed_by(budget_.limits, kind, of.before.size);
    candidate.error = kStandardErrors * std::sqrt(is_count ? of.variance.count : of.variance.size);
    return candidate;
  }

  static void set_measured(LimitResult& result, const Candidate& candidate) {
    result.measured = candidate.value;
    result.allowed = candidate.allowed;
    result.measured_before = candidate.offender.before.size;
    result.error = candidate.error;
    if (candidate.is_over()) {
      result.finding = Finding::over;
    } else if (candidate.may_be_over()) {
      result.finding = Finding::too_close;
    }
  }

  // What a snapshot of samples does not show at all may be above the limit.
  static void doubt_unseen(LimitResult& result, double unseen, std::int64_t allowed) {
    if (result.finding != Finding::within || unseen <= static_cast<double>(allowed)) return;
    result.finding = Finding::unseen;
    result.error = unseen;
  }

  void judge_sum(LimitResult& result, JudgedGroups& of) const {
    const Candidate sum = candidate(result.kind, of.total);
    set_measured(result, sum);
    if (of.total.after.count == 0) doubt_unseen(result, of.unseen, sum.allowed);
    if (!result.is_over()) return;
    std::vector<Candidate> shares;
    for (const Offender& group : of.groups) {
      const Candidate share = candidate(result.kind, group);
      if (share.value > 0) shares.push_back(share);
    }
    const auto value = [](const Candidate& share) { return share.value; };
    set_offenders(result, std::move(shares), value, [](const Candidate&) { return 0; });
  }

  // The sum of all is what is measured where there is no group: nothing.
  void judge_groups(LimitResult& result, JudgedGroups& of) const {
    std::vector<Candidate> over;
    std::optional<Candidate> closest;
    bool is_too_close = false;
    for (const Offender& group : of.groups) {
      const Candidate each = candidate(result.kind, group);
      const std::int64_t size =
          result.kind == LimitKind::max_growth ? each.value : group.after.size;
      if (size < budget_.limits.min_size) continue;
      is_too_close = is_too_close || (each.may_be_over() && !each.is_over());
      if (each.is_over()) over.push_back(each);
      if (!closest || each.excess() > closest->excess()) closest = each;
    }
    set_measured(result, closest ? *closest : candidate(result.kind, {}));
    result.groups_over = over.size();
    result.finding = !over.empty()  ? Finding::over
                     : is_too_close ? Finding::too_close
                                    : Finding::within;
    const std::int64_t least = allowed_by(budget_.limits, result.kind, 0);
    doubt_unseen(result, of.unseen, std::max(least, budget_.limits.min_size));
    const auto excess = [](const Candidate& each) { return each.excess(); };
    set_offenders(result, std::move(over), excess, excess);
  }

  // In samples, a group may have been there before although none hit it.
  void judge_new(LimitResult& result, JudgedGroups& of) const {
    std::vector<Candidate> added;
    bool is_unseen = false;
    for (const Offender& group : of.groups) {
      const bool is_new = group.before == Amount() && group.after != Amount();
      if (!is_new || group.after.size < budget_.limits.min_size) continue;
      const Candidate each{.offender = group,
                           .value = group.after.size,
                           .allowed = static_cast<std::int64_t>(of.unseen),
                           .error = kStandardErrors * std::sqrt(group.variance.size)};
      if (of.unseen == 0 || each.is_over()) {
        added.push_back(each);
      } else {
        is_unseen = true;
      }
    }
    result.measured = static_cast<std::int64_t>(added.size());
    result.groups_over = added.size();
    result.finding = !added.empty() ? Finding::over : is_unseen ? Finding::unseen : Finding::within;
    if (is_unseen) result.error = of.unseen;
    const auto size = [](const Candidate& each) { return each.value; };
    set_offenders(result, std::move(added), size, [](const Candidate&) { return 0; });
  }

  // Ties stay in the order of the report.
  template <class Key, class Excess>
  void set_offenders(LimitResult& result, std::vector<Candidate> candidates, const Key& key,
                     const Excess& excess) const {
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](const Candidate& a, const Candidate& b) { return key(a) > key(b); });
    const std::size_t limit = options_.limit == 0 ? candidates.size() : options_.limit;
    if (candidates.size() > limit)
      candidates.erase(candidates.begin() + static_cast<std::ptrdiff_t>(limit), candidates.end());
    for (const Candidate& each : candidates) {
      result.offenders.push_back(each.offender);
      result.offenders.back().excess = excess(each);
    }
  }

  // A selection that holds nothing now is in order if it held something once.
  [[nodiscard]] bool selects_nothing(const JudgedGroups& of) const {
    if (of.total.after != Amount() || of.total.before != Amount()) return false;
    if (!filters_blocks(budget_.selection)) return false;
    if (has_only_unmatched(*of.report)) return true;
    return !options_.is_suppressed && !held_something(snapshot_) &&
           (baseline_ == nullptr || !held_something(*baseline_));
  }

  [[nodiscard]] bool held_something(const Snapshot& snapshot) const {
    Selection selection = budget_.selection;
    return std::ranges::any_of(kMetrics, [&](Metric metric) {
      selection.metric = metric;
      return snapshot.rows[metric] && top(snapshot, selection, {.limit = 1}).total != Amount();
    });
  }

  const Snapshot& snapshot_;
  const Snapshot* baseline_;
  const Budget& budget_;
  const CheckOptions& options_;
  std::array<std::optional<JudgedGroups>, kMetrics.size()> tops_;
  std::optional<JudgedGroups> growth_;
};

constexpr std::array kLimitKinds = {LimitKind::max_size, LimitKind::max_peak, LimitKind::max_count,
                                    LimitKind::max_growth, LimitKind::fail_on_new};

}  // namespace

std::string_view name_of(LimitKind kind) {
  switch (kind) {
    case LimitKind::max_size:
      return "max_size";
    case LimitKind::max_peak:
      return "max_peak";
    case LimitKind::max_count:
      return "max_count";
    case LimitKind::max_growth:
      return "max_growth";
    case LimitKind::fail_on_new:
      return "fail_on_new";
  }
  return "";
}

bool CheckReport::is_over() const {
  return std::ranges::any_of(results, &LimitResult::is_over);
}

bool was_traced(const Snapshot& snapshot) {
  if (snapshot.metadata.peak.value_or(0) > 0) return true;
  return std::ranges::any_of(kMetrics, [&](Metric metric) {
    const auto& column = snapshot.rows[metric];
    return column && total_of(*column) != Amount();
  });
}

CheckReport check(const Snapshot& snapshot, const Snapshot* baseline, std::vector<Budget> budgets,
                  const CheckOptions& options) {
  CheckReport report;
  report.metadata = snapshot.metadata;
  if (baseline != nullptr) report.baseline = baseline->metadata;
  report.budgets = std::move(budgets);
  for (std::size_t i = 0; i < report.budgets.size(); ++i) {
    const Budget& budget = report.budgets[i];
    BudgetCheck check(snapshot, baseline, budget, options);
    for (const LimitKind kind : kLimitKinds) {
      if (!is_given(budget.limits, kind)) continue;
      report.results.push_back(check.check(kind));
      report.results.back().budget = i;
    }
  }
  return report;
}

}  // namespace memtrace
