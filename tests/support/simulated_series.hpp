// Series whose truth is known, as the lines of real programs make them.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "mtrace/trend.hpp"

namespace memtrace::test {

enum class Kind : std::uint8_t {
  linear_leak,   // as much in every window
  poisson_leak,  // some 4 chunks in a window, more or less
  bursty_leak,   // in every other window, by chance, 1 to 3 chunks
  constant,
  noise,       // neighbours are correlated by 0, 0.3 or 0.6
  slow_noise,  // by 0.9
  step,        // one, up or down, anywhere
  cache,       // fills exponentially, to 95 % and more within the run
  sawtooth,    // grows and is emptied, at least three times
  ring,        // fills steadily within two thirds of the run
  pool,        // grows for 30 windows
  warm_up,     // grows in the first fifth
  walk,        // at random, between two walls
  diurnal,     // 24 windows a day
  // Nobody can tell these from leaks while they last.
  slow_cache,    // has filled to two thirds when the run ends
  late_plateau,  // grows steadily for nine tenths of the run
};
inline constexpr std::size_t kKinds = 16;
std::string_view name_of(Kind kind);
inline bool is_leak(Kind kind) {
  return kind <= Kind::bursty_leak;
}

// 0, 1, 2, …: when the snapshots of a series were taken, where their distance is the unit.
std::vector<double> indexes(std::size_t size);

using Random = std::mt19937_64;

// What a group holds, by kind, beside noise. A leak starts from `level` and grows by `growth` over
// the run; all others hold no more than `level`.
struct Shape {
  Kind kind = Kind::constant;
  double level = 0, growth = 0;  // bytes
  double noise = 0;              // its standard deviation, in bytes
  double autocorrelation = 0;
};
Series simulate(const Shape& shape, std::size_t snapshots, Random& random);

// A run of a program: hundreds of groups, few of which hold most.
struct Run {
  std::vector<Shape> shapes;
  std::vector<Series> series;  // of each shape
  std::vector<std::int64_t> total;
};
// 300 groups that do not leak, as they come, and one of each of `added`. Those hold 3 to 20 % of
// everything at the end; noise of leaks is at most a twentieth of what they leak.
Run simulate_run(std::size_t snapshots, const std::vector<Kind>& added, Random& random);

}  // namespace memtrace::test
