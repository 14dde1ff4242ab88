// What the series of a run mean, each one and beside all others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mtrace/trend.hpp"

namespace memtrace {

// One number a snapshot; `count` may be empty.
struct SeriesView {
  std::span<const std::int64_t> size, count;
};

// `x` is what growth is counted by, at each snapshot: it must not decrease. `total` is everything
// selected, which a share is a share of. The series are judged as one family: the more of them
// could matter, the more one of them must show. Several threads, without an order that shows.
std::vector<Judgement> judge(std::span<const SeriesView> series, std::span<const double> x,
                             std::span<const std::int64_t> total, const TrendOptions& options);

}  // namespace memtrace
