#include "support/simulated_series.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace memtrace::test {
namespace {

constexpr std::int64_t kBlock = 128;  // bytes
constexpr std::size_t kGroups = 300;
constexpr std::size_t kPoolWindows = 30;
constexpr double kDay = 24;

double uniform(double low, double high, Random& random) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

// With a standard deviation of one.
class Noise {
 public:
  Noise(double autocorrelation, Random& random)
      : kept_(autocorrelation), random_(random), value_(normal_(random)) {}
  double next() {
    const double now = value_;
    value_ = kept_ * value_ + std::sqrt(1 - kept_ * kept_) * normal_(random_);
    return now;
  }

 private:
  double kept_;
  Random& random_;
  std::normal_distribution<double> normal_;
  double value_;
};

// What was leaked before each snapshot, as a share of what is leaked in the whole run on average.
std::vector<double> leaked(Kind kind, std::size_t snapshots, Random& random) {
  const auto windows = static_cast<double>(snapshots - 1);
  std::poisson_distribution<int> chunks(4);
  std::uniform_int_distribution<int> burst(1, 3);
  std::bernoulli_distribution is_burst(0.5);
  std::vector<double> values{0};
  for (std::size_t i = 1; i < snapshots; ++i) {
    double step = 1;
    if (kind == Kind::poisson_leak) step = chunks(random) / 4.0;
    if (kind == Kind::bursty_leak) step = is_burst(random) ? burst(random) : 0;
    values.push_back(values.back() + step / windows);
  }
  return values;
}

// Between zero and one.
std::vector<double> walk(std::size_t snapshots, Random& random) {
  const double step = uniform(0.05, 0.5, random);
  std::normal_distribution<double> normal(0, step);
  double value = uniform(0, 1, random);
  std::vector<double> values;
  for (std::size_t i = 0; i < snapshots; ++i) {
    values.push_back(value);
    value += normal(random);
    while (value < 0 || value > 1) value = value < 0 ? -value : 2 - value;
  }
  return values;
}

// What is held at each snapshot, as a share of the level.
std::vector<double> held(Kind kind, std::size_t snapshots, Random& random) {
  if (kind == Kind::walk) return walk(snapshots, random);
  const auto n = static_cast<double>(snapshots);
  const double end = kind == Kind::ring           ? n * uniform(0.1, 0.67, random)
                     : kind == Kind::pool         ? double{kPoolWindows}
                     : kind == Kind::warm_up      ? n * uniform(0.05, 0.2, random)
                     : kind == Kind::late_plateau ? n * 0.9
                                                  : n;
  const double pace = kind == Kind::slow_cache ? n : n * uniform(0.08, 0.33, random);
  const double period = uniform(2.5, n / 3, random);
  const double begin = uniform(0, 1, random);
  const double when = uniform(1, n, random);
  const double up = random() % 2 == 0 ? 1 : -1;
  std::vector<double> values;
  for (std::size_t i = 0; i < snapshots; ++i) {
    const auto x = static_cast<double>(i);
    double value = 1;
    if (kind == Kind::step) value = 0.5 + (x < when ? 0 : up * 0.45);
    if (kind == Kind::cache || kind == Kind::slow_cache) value = 1 - std::exp(-(x + 1) / pace);
    if (kind == Kind::sawtooth) value = std::fmod(x / period + begin, 1);
    if (kind == Kind::ring || kind == Kind::pool || kind == Kind::late_plateau) {
      value = std::min(1.0, (x + 1) / end);
    }
    if (kind == Kind::warm_up) value = 0.3 + 0.7 * std::min(1.0, x / end);
    if (kind == Kind::diurnal) {
      value = 0.6 + 0.4 * std::sin(2 * std::numbers::pi * (x / kDay + begin));
    }
    values.push_back(value);
  }
  return values;
}

Kind leak_free_kind(std::size_t snapshots, Random& random) {
  const auto choice = uniform(0, 1, random);
  if (choice < 0.30) return Kind::constant;
  if (choice < 0.52) return Kind::noise;
  if (choice < 0.60) return Kind::slow_noise;
  if (choice < 0.65) return Kind::step;
  if (choice < 0.70) return Kind::cache;
  if (choice < 0.77) return Kind::sawtooth;
  if (choice < 0.81) return Kind::ring;
  // What has not come to its end within the run is a leak to everyone who looks at it.
  if (choice < 0.85) return snapshots > 2 * kPoolWindows ? Kind::pool : Kind::ring;
  if (choice < 0.90) return Kind::warm_up;
  if (choice < 0.95) return Kind::walk;
  return static_cast<double>(snapshots) > kDay ? Kind::diurnal : Kind::sawtooth;
}

double one_of(std::initializer_list<double> values, Random& random) {
  return values.begin()[random() % values.size()];
}

}  // namespace

std::vector<double> indexes(std::size_t size) {
  std::vector<double> x(size);
  std::iota(x.begin(), x.end(), 0.0);
  return x;
}

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kNames = {
      "leak, linear", "leak, Poisson", "leak, bursty", "constant",    "noise", "slow noise",
      "step",         "cache",         "sawtooth",     "ring",        "pool",  "warm-up",
      "walk",         "diurnal",       "slow cache",   "late plateau"};
  return kNames[static_cast<std::size_t>(kind)];
}

Series simulate(const Shape& shape, std::size_t snapshots, Random& random) {
  Noise noise(shape.autocorrelation, random);
  std::vector<double> values;
  if (is_leak(shape.kind)) {
    values = leaked(shape.kind, snapshots, random);
    for (double& value : values) value = shape.level + shape.growth * value;
  } else {
    values = held(shape.kind, snapshots, random);
    for (double& value : values) value *= shape.level;
  }
  Series series;
  for (const double value : values) {
    const double noisy = std::max(0.0, value + shape.noise * noise.next());
    series.count.push_back(std::llround(noisy / static_cast<double>(kBlock)));
    series.size.push_back(series.count.back() * kBlock);
  }
  return series;
}

Run simulate_run(std::size_t snapshots, const std::vector<Kind>& added, Random& random) {
  Run run;
  run.total.assign(snapshots, 0);
  const auto add = [&](const Shape& shape) {
    run.shapes.push_back(shape);
    run.series.push_back(simulate(shape, snapshots, random));
    for (std::size_t i = 0; i < snapshots; ++i) run.total[i] += run.series.back().size[i];
  };
  std::lognormal_distribution<double> level(0, 2);
  for (std::size_t i = 0; i < kGroups; ++i) {
    Shape shape{.kind = leak_free_kind(snapshots, random)};
    shape.level = 256 * 1024 * level(random);
    shape.autocorrelation = one_of({0, 0.3, 0.6, 0.9}, random);
    if (shape.kind == Kind::noise || shape.kind == Kind::slow_noise) {
      shape.autocorrelation = shape.kind == Kind::slow_noise ? 0.9 : one_of({0, 0.3, 0.6}, random);
      shape.noise = shape.level * uniform(0.02, 0.3, random);
    } else if (shape.kind != Kind::constant) {
      shape.noise = shape.level * uniform(0, 0.05, random);
    }
    add(shape);
  }
  const auto total = static_cast<double>(run.total.back());
  for (const Kind kind : added) {
    Shape shape{.kind = kind};
    shape.growth = total * uniform(0.03, 0.2, random);
    shape.level = is_leak(kind) ? shape.growth * uniform(0, 2, random) : shape.growth;
    shape.noise = shape.growth / uniform(20, 100, random);
    shape.autocorrelation = one_of({0, 0.3, 0.6, 0.9}, random);
    add(shape);
  }
  return run;
}

}  // namespace memtrace::test
