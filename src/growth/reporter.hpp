// What has grown, window by window. Pure: a thread feeds it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "growth/traced_process.hpp"
#include "mtrace/growth.hpp"

namespace memtrace {

// The rolling baseline of every line.
class GrowthBaseline {
 public:
  explicit GrowthBaseline(std::int64_t threshold) : threshold_(threshold) {}

  // The end of a window, `seconds` after some beginning. The first one only makes the baseline.
  // The lines that grew by more than the threshold since they were last reported, or were smallest
  // since; the biggest growth first.
  std::vector<GrownLine> add(const LineAmounts& now, double seconds);

 private:
  struct Line {
    Amount baseline{};
    double since = 0;
    Amount last{};
    std::uint64_t windows = 0;  // in a row in which it grew
  };

  std::int64_t threshold_;
  bool has_baseline_ = false;
  double last_ = 0;
  std::map<LineName, Line> lines_;
};

// One line of JSON: formats/growth.schema.json.
std::string json_line(const GrownLine& line, std::chrono::system_clock::time_point time);

}  // namespace memtrace
