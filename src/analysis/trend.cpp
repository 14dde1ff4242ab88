#include "mtrace/trend.hpp"

#include <algorithm>

namespace memtrace {

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

}  // namespace memtrace
