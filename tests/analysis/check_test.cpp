#include "mtrace/check.hpp"

#include <doctest/doctest.h>

#include <string>

#include "mtrace/error.hpp"
#include "support/snapshot_text.hpp"

namespace memtrace::test {
namespace {

constexpr std::string_view kBaseline =
    "0 1000 10 main.py:1 cache.py:7@put\n"
    "0 400 4 main.py:2 worker.py:3@work\n";
constexpr std::string_view kChecked =
    "0 1300 13 main.py:1 cache.py:7@put\n"
    "0 404 4 main.py:2 worker.py:3@work\n"
    "0 50 1 main.py:2 log.py:9@write\n";

CheckReport checked(const Snapshot& after, const Snapshot* before, const Limits& limits,
                    const Selection& selection = {}, const CheckOptions& options = {}) {
  return check(after, before, {{.name = "b", .selection = selection, .limits = limits}}, options);
}

LimitResult only_result(const CheckReport& report) {
  REQUIRE(report.results.size() == 1);
  return report.results.front();
}

// "cache.py:7", of the most recent frame.
std::string name_of(const LimitResult& result, std::size_t index) {
  const std::vector<FrameView> frames = result.report->traceback(result.offenders.at(index).group);
  return std::string(frames.back().filename.value_or("")) + ":" +
         std::to_string(frames.back().lineno);
}

Snapshot sampled(std::string_view text, double variance) {
  Snapshot snapshot = snapshot_of(text);
  snapshot.metadata.sampling_rate = 100;
  for (auto& column : snapshot.rows.columns) {
    if (!column) continue;
    column->size_variance.assign(column->size.size(), variance);
    column->count_variance.assign(column->size.size(), 1);
  }
  return snapshot;
}

TEST_CASE("a limit is kept up to its last byte") {
  const Snapshot after = snapshot_of(kChecked);
  CHECK_FALSE(checked(after, nullptr, {.max_size = 1754}).is_over());
  const LimitResult result = only_result(checked(after, nullptr, {.max_size = 1753}));
  CHECK(result.is_over());
  CHECK(result.measured == 1754);
  CHECK(result.excess() == 1);
  REQUIRE(result.offenders.size() == 3);
  CHECK(name_of(result, 0) == "cache.py:7");
  CHECK(only_result(checked(after, nullptr, {.max_count = 18})).finding == Finding::within);
  CHECK(only_result(checked(after, nullptr, {.max_count = 17})).excess() == 1);
}

TEST_CASE("results come by budget, then by kind") {
  const Snapshot after = snapshot_of("0 10,20,30 1,2,3 main.py:1\n");
  const CheckReport report = check(after, nullptr,
                                   {{.name = "a", .limits = {.max_size = 1, .max_peak = 19}},
                                    {.name = "b", .limits = {.max_count = 5}}});
  REQUIRE(report.results.size() == 3);
  CHECK(report.results[0].kind == LimitKind::max_size);
  CHECK(report.results[1].kind == LimitKind::max_peak);
  CHECK(report.results[1].measured == 20);
  CHECK(report.results[1].excess() == 1);
  CHECK(report.results[2].budget == 1);
  CHECK(report.is_over());
}

TEST_CASE("of a size and a percentage, growth must exceed both") {
  const Snapshot before = snapshot_of(kBaseline), after = snapshot_of(kChecked);
  const auto is_over = [&](std::optional<std::int64_t> size, std::optional<double> percent) {
    return checked(after, &before, {.max_growth = size, .max_growth_percent = percent}).is_over();
  };
  // 354 bytes, 25.3 %.
  CHECK_FALSE(is_over(354, {}));
  CHECK(is_over(353, {}));
  CHECK(is_over({}, 25));
  CHECK_FALSE(is_over({}, 26));
  CHECK_FALSE(is_over(100, 26));
  CHECK_FALSE(is_over(400, 1));
  CHECK(is_over(100, 25));
  CHECK_FALSE(checked(before, &after, {.max_growth = 0}).is_over());
}

TEST_CASE("each group has the limit for itself, and what grew most comes first") {
  const Snapshot before = snapshot_of(kBaseline), after = snapshot_of(kChecked);
  const CheckReport report =
      checked(after, &before, {.max_growth = 3, .max_growth_percent = 1, .per_group = true});
  const LimitResult result = only_result(report);
  CHECK(result.groups_over == 2);  // worker.py may grow by 4 bytes: 1 % of 400
  CHECK(result.measured == 300);
  CHECK(result.allowed == 10);
  REQUIRE(result.offenders.size() == 2);
  CHECK(name_of(result, 0) == "cache.py:7");
  CHECK(result.offenders[0].excess == 290);
  CHECK(name_of(result, 1) == "log.py:9");
  CHECK(result.offenders[1].excess == 47);

  const LimitResult large =
      only_result(checked(after, &before, {.max_growth = 3, .per_group = true, .min_size = 51}));
  CHECK(large.groups_over == 1);
  const LimitResult fewer =
      only_result(checked(after, &before, {.max_growth = 3, .per_group = true}, {}, {.limit = 1}));
  CHECK(fewer.groups_over == 3);
  CHECK(fewer.offenders.size() == 1);
}

TEST_CASE("within the limit, the group that comes closest to it is measured") {
  const Snapshot after = snapshot_of(kChecked);
  const LimitResult result =
      only_result(checked(after, nullptr, {.max_size = 2000, .per_group = true}));
  CHECK(result.finding == Finding::within);
  CHECK(result.measured == 1300);
  CHECK(result.excess() == -700);
  CHECK(result.offenders.empty());
}

TEST_CASE("what has no block in the baseline is new") {
  const Snapshot before = snapshot_of(kBaseline), after = snapshot_of(kChecked);
  const LimitResult result = only_result(checked(after, &before, {.fail_on_new = true}));
  CHECK(result.is_over());
  CHECK(result.measured == 1);
  CHECK(name_of(result, 0) == "log.py:9");
  CHECK_FALSE(checked(after, &before, {.fail_on_new = true, .min_size = 51}).is_over());
  CHECK_FALSE(checked(before, &after, {.fail_on_new = true}).is_over());
  CHECK_THROWS_AS(checked(after, nullptr, {.fail_on_new = true}), Error);
}

TEST_CASE("a selection that never held anything is nothing to judge") {
  const Snapshot after = snapshot_of(kChecked), before = snapshot_of(kBaseline);
  const auto finding = [&](const Selection& selection, const Snapshot* baseline = nullptr) {
    return checked(after, baseline, {.max_size = 0}, selection).results.front().finding;
  };
  CHECK(finding({.include = {Pattern("*.rs")}}) == Finding::nothing_selected);
  CHECK(finding({.exclude = {Pattern("*")}}) == Finding::nothing_selected);
  CHECK(finding({.include = {Pattern("*.rs"), Pattern("log.py")}}) == Finding::over);
  CHECK(finding({.domain = "native"}) == Finding::nothing_selected);

  // Freed since: the baseline knows it, or the blocks that were ever allocated do.
  const Snapshot old = snapshot_of("0 10 1 old.py:1\n0 10 1 main.py:1\n");
  const Snapshot now = snapshot_of("0 10 1 main.py:1\n");
  const Selection selection{.include = {Pattern("old.py")}};
  CHECK(checked(now, &old, {.max_growth = 0}, selection).results.front().finding ==
        Finding::within);
  const Snapshot freed = snapshot_of("0 0,5,9 0,1,2 old.py:1\n0 10,10,10 1,1,1 main.py:1\n");
  CHECK(checked(freed, nullptr, {.max_size = 0}, selection).results.front().finding ==
        Finding::within);
  CHECK(checked(freed, nullptr, {.max_size = 0}, {.include = {Pattern("new.py")}})
            .results.front()
            .finding == Finding::nothing_selected);
}

TEST_CASE("nothing was traced where no block ever was") {
  CHECK(was_traced(snapshot_of(kChecked)));
  CHECK(was_traced(snapshot_of("0 0,5,9 0,1,2 old.py:1\n")));
  Snapshot empty = snapshot_of("");
  CHECK_FALSE(was_traced(empty));
  empty.metadata.peak = 1;
  CHECK(was_traced(empty));
}

TEST_CASE("samples need room for two standard errors") {
  const Snapshot after = sampled("0 1000 10 main.py:1\n", 100);  // ± 20
  const auto finding = [&](const Limits& limits) {
    return checked(after, nullptr, limits).results.front().finding;
  };
  CHECK(finding({.max_size = 979}) == Finding::over);
  CHECK(finding({.max_size = 980}) == Finding::too_close);
  CHECK(finding({.max_size = 1019}) == Finding::too_close);
  CHECK(finding({.max_size = 1020}) == Finding::within);
  CHECK(finding({.max_count = 11}) == Finding::too_close);
  // A line that no sample hit may hold three times the rate.
  CHECK(finding({.max_size = 1020, .per_group = true}) == Finding::within);
  const Snapshot small = sampled("0 20 1 main.py:1\n", 4);
  CHECK(checked(small, nullptr, {.max_size = 299, .per_group = true}).results.front().finding ==
        Finding::unseen);
  CHECK(checked(small, nullptr, {.max_size = 300, .per_group = true}).results.front().finding ==
        Finding::within);
}

TEST_CASE("in samples, only what is large is surely new") {
  const Snapshot before = sampled("0 1000 10 main.py:1\n", 100);
  const auto finding = [&](std::string_view after) {
    return checked(sampled(after, 100), &before, {.fail_on_new = true}).results.front().finding;
  };
  CHECK(finding("0 1000 10 main.py:1\n") == Finding::within);
  CHECK(finding("0 1000 10 main.py:1\n0 310 3 new.py:1\n") == Finding::unseen);
  CHECK(finding("0 1000 10 main.py:1\n0 330 3 new.py:1\n") == Finding::over);
}

}  // namespace
}  // namespace memtrace::test
