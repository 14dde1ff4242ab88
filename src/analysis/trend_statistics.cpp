#include "analysis/trend_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace memtrace {

double median(std::span<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double theil_sen_slope(Points points, std::vector<double>& slopes) {
  const std::size_t size = points.size();
  slopes.clear();
  slopes.reserve(size * size / 2);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = i + 1; j < size; ++j) {
      const double run = points.x[j] - points.x[i];
      if (run > 0) slopes.push_back((points.y[j] - points.y[i]) / run);
    }
  }
  return median(slopes);
}

namespace {

// The correlation of neighbours, of values around zero.
double neighbours(std::span<const double> values) {
  double together = 0;
  double alone = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    alone += values[i] * values[i];
    if (i > 0) together += values[i] * values[i - 1];
  }
  return alone > 0 ? std::clamp(together / alone, 0.0, 1.0) : 0;
}

// The same of what is left when a line or a curve is taken off: corrected for what that hides in a
// short series, and two standard errors higher. From where a series of this length cannot tell it
// from a random walk, it is 1.
double cautious_neighbours(std::span<const double> residual) {
  const auto n = static_cast<double>(residual.size());
  if (n < 5) return 1;
  const double corrected = std::min(1.0, (n * neighbours(residual) + 2) / (n - 4));
  const double cautious = corrected + 2 * std::sqrt((1 - corrected * corrected) / n);
  return cautious > 1 - 1 / std::sqrt(n) ? 1 : cautious;
}

}  // namespace

double cautious_autocorrelation(Points points, double slope) {
  std::vector<double> residual(points.size());
  for (std::size_t i = 0; i < residual.size(); ++i) residual[i] = points.y[i] - slope * points.x[i];
  const double mean =
      std::accumulate(residual.begin(), residual.end(), 0.0) / static_cast<double>(residual.size());
  for (double& value : residual) value -= mean;
  return cautious_neighbours(residual);
}

double mann_kendall(Points points, double autocorrelation) {
  const std::size_t size = points.size();
  if (size < 3) return 0;
  std::int64_t score = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = i + 1; j < size; ++j) {
      score += (points.y[j] > points.y[i] ? 1 : 0) - (points.y[j] < points.y[i] ? 1 : 0);
    }
  }
  if (score == 0) return 0;
  const auto n = static_cast<double>(size);
  double widened = 0;
  double correlation = 1;
  for (std::size_t lag = 1; lag + 2 < size; ++lag) {
    correlation *= autocorrelation;
    const double of_ranks = 6 / std::numbers::pi * std::asin(correlation / 2);
    const double left = n - static_cast<double>(lag);
    widened += left * (left - 1) * (left - 2) * of_ranks;
  }
  const double variance =
      n * (n - 1) * (2 * n + 5) / 18 * (1 + 2 * widened / (n * (n - 1) * (n - 2)));
  const double distance = static_cast<double>(score) - (score > 0 ? 1 : -1);
  return distance / std::sqrt(variance);
}

double NoisyLine::t() const {
  if (standard_error > 0) return slope / standard_error;
  if (slope == 0 || degrees_of_freedom <= 0) return 0;
  return std::copysign(std::numeric_limits<double>::infinity(), slope);
}

namespace {

// Columns of a least-squares problem; each column is made independent of those before it, so that
// the last one's coefficient and error fall out.
class Columns {
 public:
  explicit Columns(std::size_t rows) : rows_(rows) {}

  // A column that is nothing new is left out.
  void add(std::vector<double> column) {
    const double before = product(column, column);
    remove_known(column);
    if (product(column, column) <= before * 1e-12) return;
    columns_.push_back(std::move(column));
  }

  // Of the column that was added last.
  [[nodiscard]] NoisyLine fit(std::vector<double> values) const {
    NoisyLine line;
    line.degrees_of_freedom = static_cast<double>(rows_) - static_cast<double>(columns_.size());
    if (columns_.empty() || line.degrees_of_freedom <= 0) return {};
    const double all = product(values, values);
    const std::vector<double>& last = columns_.back();
    line.slope = product(values, last) / product(last, last);
    remove_known(values);
    double residual = product(values, values);
    if (residual < all * 1e-12) residual = 0;  // rounding alone
    line.standard_error = std::sqrt(residual / line.degrees_of_freedom / product(last, last));
    return line;
  }

  void remove_known(std::vector<double>& values) const {
    for (const std::vector<double>& column : columns_) {
      const double share = product(values, column) / product(column, column);
      for (std::size_t i = 0; i < rows_; ++i) values[i] -= share * column[i];
    }
  }

 private:
  static double product(const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  }

  std::size_t rows_;
  std::vector<std::vector<double>> columns_;
};

// Each value without what its predecessor lets expect.
template <class Value>
std::vector<double> surprises(std::size_t size, double autocorrelation, const Value& value) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < size; ++i) {
    steps.push_back(value(i) - autocorrelation * value(i - 1));
  }
  return steps;
}

}  // namespace

NoisyLine fit_noisy_line(Points points, double autocorrelation) {
  const std::size_t size = points.size();
  if (size < 3) return {};
  const double begin = points.x[0];
  Columns columns(size - 1);
  columns.add(std::vector<double>(size - 1, 1 - autocorrelation));
  columns.add(surprises(size, autocorrelation, [&](std::size_t i) { return points.x[i] - begin; }));
  return columns.fit(
      surprises(size, autocorrelation, [&](std::size_t i) { return points.y[i] - points.y[0]; }));
}

double bend(Points points) {
  const std::size_t size = points.size();
  if (size < 6) return 0;
  const double middle = (points.x.front() + points.x.back()) / 2;
  const auto y = [&](std::size_t i) { return points.y[i] - points.y[0]; };
  const auto linear = [&](std::size_t i) { return points.x[i] - middle; };
  const auto square = [&](std::size_t i) { return linear(i) * linear(i); };
  const auto column = [&](const auto& value) {
    std::vector<double> values(size);
    for (std::size_t i = 0; i < size; ++i) values[i] = value(i);
    return values;
  };
  Columns whole(size);
  whole.add(std::vector<double>(size, 1));
  whole.add(column(linear));
  whole.add(column(square));
  std::vector<double> residual = column(y);
  whole.remove_known(residual);
  const double correlation = cautious_neighbours(residual);
  Columns columns(size - 1);
  columns.add(std::vector<double>(size - 1, 1 - correlation));
  columns.add(surprises(size, correlation, linear));
  columns.add(surprises(size, correlation, square));
  return columns.fit(surprises(size, correlation, y)).t();
}

// The finite series for a whole number of degrees, which all of ours have.
double student_tail(double t, double degrees_of_freedom) {
  const auto degrees = static_cast<int>(degrees_of_freedom);
  if (degrees < 1) return 0.5;
  const double angle = std::atan2(std::abs(t), std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle);
  const bool is_odd = degrees % 2 == 1;
  double term = is_odd ? cosine : 1;
  double sum = degrees == 1 ? 0 : term;
  for (int i = is_odd ? 3 : 2; i < degrees; i += 2) {
    term *= cosine * cosine * (i - 1) / i;
    sum += term;
  }
  double within = std::sin(angle) * sum;
  if (is_odd) within = 2 / std::numbers::pi * (angle + within);
  const double tail = std::max(0.0, (1 - within) / 2);
  return t >= 0 ? tail : 1 - tail;
}

double student_quantile(double tail, double degrees_of_freedom) {
  double low = 0;
  double high = 1;
  while (high < 1e9 && student_tail(high, degrees_of_freedom) > tail) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_tail(middle, degrees_of_freedom) > tail ? low : high) = middle;
  }
  return high;
}

std::vector<char> holm(std::span<const double> p_values, double level) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<char> significant(p_values.size(), 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto left = static_cast<double>(order.size() - i);
    if (p_values[order[i]] > level / left) break;
    significant[order[i]] = 1;
  }
  return significant;
}

}  // namespace memtrace
