#include "render/timestamp.hpp"

#include <fmt/format.h>

#include <chrono>

namespace memtrace {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

struct Moment {
  std::string date, time;
};

// 64 bits of nanoseconds reach from 1677 to 2262, so a year always has four digits.
Moment moment_of(std::int64_t nanoseconds) {
  using std::chrono::days;
  using std::chrono::seconds;
  const std::chrono::sys_time<std::chrono::nanoseconds> exact{
      std::chrono::nanoseconds(nanoseconds)};
  const auto second = std::chrono::floor<seconds>(exact);
  const auto day = std::chrono::floor<days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  return {fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())),
          fmt::format("{:02}:{:02}:{:02}", time.hours().count(), time.minutes().count(),
                      time.seconds().count())};
}

}  // namespace

std::string rfc3339(std::int64_t nanoseconds) {
  const Moment moment = moment_of(nanoseconds);
  return fmt::format("{}T{}Z", moment.date, moment.time);
}

std::string utc_time(std::int64_t nanoseconds) {
  const Moment moment = moment_of(nanoseconds);
  return fmt::format("{} {} UTC", moment.date, moment.time);
}

std::string duration(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / kNanosecondsPerSecond;
  if (seconds < 1) return fmt::format("{} ms", nanoseconds / 1'000'000);
  if (seconds < 60) {
    const std::int64_t tenths = nanoseconds / 100'000'000;
    return fmt::format("{}.{} s", tenths / 10, tenths % 10);
  }
  const std::int64_t minutes = seconds / 60, hours = minutes / 60;
  if (minutes < 60) return fmt::format("{} min {} s", minutes, seconds % 60);
  if (hours < 24) return fmt::format("{} h {} min", hours, minutes % 60);
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

}  // namespace memtrace
