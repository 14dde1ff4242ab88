// The statistics of one series, beside values that are known from elsewhere or by hand.
#include "analysis/trend_statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/simulated_series.hpp"

namespace memtrace::test {
namespace {

double slope_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<double> slopes;
  return theil_sen_slope({x, y}, slopes);
}

double mann_kendall_of(const std::vector<double>& y, double autocorrelation = 0) {
  const std::vector<double> x = indexes(y.size());
  return mann_kendall({x, y}, autocorrelation);
}

TEST_CASE("median") {
  std::vector<double> none, odd = {3, 1, 2}, even = {4, 1, 3, 2};
  CHECK(median(none) == 0);
  CHECK(median(odd) == 2);
  CHECK(median(even) == 2.5);
}

TEST_CASE("Theil and Sen: the median of all slopes, which one bad point does not move") {
  CHECK(slope_of({0, 1, 2, 3}, {10, 12, 14, 16}) == 2);
  CHECK(slope_of({0, 1, 2, 3, 4}, {0, 1, 2, 300, 4}) == 1);
  CHECK(slope_of({0, 1, 1, 5}, {0, 2, 2, 10}) == 2);
  CHECK(slope_of({7, 7, 7}, {1, 2, 3}) == 0);
}

TEST_CASE("Mann and Kendall: by hand, and wider where neighbours are alike") {
  CHECK(mann_kendall_of({5, 5, 5, 5}) == 0);
  // Ten that rise: 45 pairs of 45; the variance is 10 * 9 * 25 / 18 = 125.
  const double rising = mann_kendall_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(rising == doctest::Approx(44 / std::sqrt(125.0)));
  CHECK(mann_kendall_of({10, 9, 8, 7, 6, 5, 4, 3, 2, 1}) == doctest::Approx(-rising));
  CHECK(mann_kendall_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.5) < rising * 0.75);
  // In a random walk, all that rise are not even rare.
  CHECK(mann_kendall_of(indexes(100), 1) < 2.3);
}

TEST_CASE("the line through noise, and through a random walk") {
  const std::vector<double> x = indexes(6);
  const std::vector<double> exact = {1, 3, 5, 7, 9, 11};
  CHECK(fit_noisy_line({x, exact}, 0).slope == doctest::Approx(2));
  CHECK(fit_noisy_line({x, exact}, 0).standard_error == 0);
  CHECK(std::isinf(fit_noisy_line({x, exact}, 0).t()));
  // As a walk, the slope is the mean of the steps: 1, 3, 1, 3, 2.
  const std::vector<double> walk = {0, 1, 4, 5, 8, 10};
  const NoisyLine drift = fit_noisy_line({x, walk}, 1);
  CHECK(drift.slope == doctest::Approx(2));
  CHECK(drift.standard_error == doctest::Approx(std::sqrt(4.0 / 4 / 5)));
  CHECK(drift.degrees_of_freedom == 4);
}

TEST_CASE("a bend is seen where growth slows down") {
  std::vector<double> filling, growing;
  for (int i = 0; i < 30; ++i) {
    const double noise = (i * 7 % 5 - 2) * 0.01;
    filling.push_back(1 - std::exp(-i / 10.0) + noise);
    growing.push_back(i / 30.0 + noise);
  }
  const std::vector<double> x = indexes(30);
  CHECK(bend({x, filling}) < -3);
  CHECK(std::abs(bend({x, growing})) < 2);
}

TEST_CASE("Student's t, as tables have it") {
  CHECK(student_tail(0, 7) == doctest::Approx(0.5));
  CHECK(student_tail(12.706, 1) == doctest::Approx(0.025).epsilon(0.001));
  CHECK(student_tail(4.303, 2) == doctest::Approx(0.025).epsilon(0.001));
  CHECK(student_tail(2.228, 10) == doctest::Approx(0.025).epsilon(0.001));
  CHECK(student_tail(-2.228, 10) == doctest::Approx(0.975).epsilon(0.001));
  CHECK(student_quantile(0.025, 10) == doctest::Approx(2.228).epsilon(0.001));
  CHECK(student_quantile(0.0005, 28) == doctest::Approx(3.674).epsilon(0.001));
}

TEST_CASE("Holm lets pass what is too small for a family") {
  const std::vector<double> p_values = {0.50, 0.011, 0.001, 0.69, 0.02, 0.05, 0.0025};
  CHECK(holm(p_values, 0.05) == std::vector<char>{0, 0, 1, 0, 0, 0, 1});
  CHECK(holm({}, 0.05).empty());
}

}  // namespace
}  // namespace memtrace::test
