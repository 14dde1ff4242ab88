#include "page/page_courses.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "render/escape.hpp"
#include "render/location.hpp"
#include "render/readable_name.hpp"

namespace memtrace {
namespace {

constexpr std::size_t kMostPoints = 2000;
constexpr std::int64_t kNanosecondsInMillisecond = 1'000'000;
constexpr std::size_t kLongestName = 300;  // columns

struct Point {
  std::int64_t time;  // nanoseconds since the Unix epoch
  std::uint64_t size;
};

// The highest and the lowest of each run of neighbours, in order.
std::vector<Point> thinned(std::vector<Point> points) {
  if (points.size() <= kMostPoints) return points;
  const std::size_t run = (points.size() + kMostPoints / 2 - 1) / (kMostPoints / 2);
  std::vector<Point> fewer;
  for (std::size_t begin = 0; begin < points.size(); begin += run) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto end =
        points.begin() + static_cast<std::ptrdiff_t>(std::min(begin + run, points.size()));
    auto [low, high] = std::minmax_element(
        first, end, [](const Point& a, const Point& b) { return a.size < b.size; });
    if (high < low) std::swap(low, high);
    fewer.push_back(*low);
    if (high != low) fewer.push_back(*high);
  }
  return fewer;
}

void write_points(std::string_view name, std::vector<Point> points, JsonWriter& json) {
  if (points.empty()) return;
  points = thinned(std::move(points));
  json.key(name);
  json.begin_object();
  json.key("time");
  json.begin_array();
  for (const Point& point : points) json.value(point.time / kNanosecondsInMillisecond);
  json.end_array();
  json.key("size");
  json.begin_array();
  for (const Point& point : points) json.value(point.size);
  json.end_array();
  json.end_object();
}

std::optional<std::int64_t> milliseconds(const std::optional<std::int64_t>& time) {
  return time ? std::optional(*time / kNanosecondsInMillisecond) : std::nullopt;
}

template <class Value>
void write_list(std::string_view name, const std::vector<Value>& values, JsonWriter& json) {
  json.key(name);
  json.begin_array();
  for (const Value& value : values) json.value(value);
  json.end_array();
}

std::optional<double> finite(double number) {
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

void write_judgement(const Judgement& judgement, JsonWriter& json) {
  json.member("verdict", name_of(judgement.verdict));
  json.member("doubt", name_of(judgement.doubt));
  json.member("slope", finite(judgement.slope.value));
  json.member("slope_low", finite(judgement.slope.low));
  json.member("slope_high", finite(judgement.slope.high));
  json.member("windows", judgement.windows);
  json.member("windows_grown", judgement.windows_grown);
  json.member("approaches", judgement.approaches);
}

// "libc.so.6" and "+0x1f3a", or "shop.py" and ":12".
void write_group(const Location& location, JsonWriter& json) {
  json.member("path", shortened_end(escaped(location.path), kLongestName));
  json.member("position", escaped(location.position));
  const std::string name = escaped(location.function);
  json.member("function", readable_name(name, kWidestName));
}

void write_memory(std::string_view name, const std::optional<MemoryTrend>& trend,
                  JsonWriter& json) {
  if (!trend) return;
  json.begin_object();
  json.member("path", name);
  json.member("position", "");
  json.member("function", "");
  write_list("sizes", trend->size, json);
  write_judgement(trend->judgement, json);
  json.end_object();
}

}  // namespace

void write_course(const Snapshot& snapshot, JsonWriter& json) {
  std::vector<Point> traced, resident, held;
  for (const TimelinePoint& point : snapshot.timeline) {
    traced.push_back({point.time, point.current});
  }
  for (const MemoryPoint& point : snapshot.memory_timeline) {
    if (point.resident) resident.push_back({point.time, *point.resident});
    if (point.held) held.push_back({point.time, *point.held});
  }
  json.begin_object();
  json.member("started", milliseconds(snapshot.metadata.started));
  json.member("created", milliseconds(snapshot.metadata.created));
  json.member("current", snapshot.metadata.current);
  json.member("peak", snapshot.metadata.peak);
  write_points("traced", std::move(traced), json);
  write_points("resident", std::move(resident), json);
  write_points("held", std::move(held), json);
  json.end_object();
}

void write_series(const TrendReport& report, const std::vector<std::string>& strip_prefixes,
                  JsonWriter& json) {
  json.begin_object();
  json.member("unit", name_of(report.options.unit));
  json.member("warm_up", report.options.warm_up);
  json.member("verdict", name_of(report.verdict));
  json.key("times");
  json.begin_array();
  for (const Metadata& metadata : report.metadata) json.value(milliseconds(metadata.created));
  json.end_array();
  json.key("total");
  json.begin_object();
  write_list("sizes", report.total.size, json);
  write_list("counts", report.total.count, json);
  write_judgement(report.total_judgement, json);
  json.end_object();
  json.key("memory");
  json.begin_array();
  write_memory("traced", report.traced, json);
  write_memory("held by the allocator", report.held, json);
  write_memory("resident", report.resident, json);
  json.end_array();
  json.key("groups");
  json.begin_array();
  Style style;
  style.strip_prefixes = strip_prefixes;
  std::vector<FrameView> frames;
  std::size_t left = kMostPageSeries;
  for (const StatisticTrend& statistic : report.statistics) {
    if (left-- == 0) break;
    json.begin_object();
    write_group(location_of(report, statistic.group, style, frames), json);
    write_list("sizes", statistic.series.size, json);
    write_list("counts", statistic.series.count, json);
    write_judgement(statistic.judgement, json);
    json.end_object();
  }
  json.end_array();
  json.member("groups_in_all", report.groups());
  json.end_object();
}

}  // namespace memtrace
