// The statistics of one series: its slope, how its noise hangs together, and what chance could do.
//
// Everything takes points in the order of time: y[i] was seen at x[i], and x never decreases.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace memtrace {

struct Points {
  std::span<const double> x, y;
  [[nodiscard]] std::size_t size() const { return y.size(); }
};

// The middle one, or the mean of the two middle ones. Reorders the values; zero of none.
double median(std::span<double> values);

// Theil and Sen: the median of the slopes between any two points whose x differs. `slopes` is
// memory to work in. O(n^2).
double theil_sen_slope(Points points, std::vector<double>& slopes);

// The correlation of neighbours around the line with that slope: corrected for what taking off a
// line hides of it in a short series, and two standard errors higher, for caution. From where a
// series of this length cannot tell it from a random walk, it is 1.
double cautious_autocorrelation(Points points, double slope);

// Mann and Kendall: in how many pairs the later value is the larger one, less those in which it is
// the smaller one, in standard deviations of what chance makes of it. `autocorrelation` widens
// them, as Hamed and Rao do it.
double mann_kendall(Points points, double autocorrelation);

// A line through points whose noise follows from its neighbour's: a share `autocorrelation` of it
// is still there in the next point. With 1, the noise is a random walk and the line its drift.
struct NoisyLine {
  double slope = 0;
  double standard_error = 0;
  double degrees_of_freedom = 0;

  [[nodiscard]] double t() const;
};
NoisyLine fit_noisy_line(Points points, double autocorrelation);

// How surely the points bend away from a line, as Student's t: negative where growth slows down.
double bend(Points points);

// The chance that Student's t is larger.
double student_tail(double t, double degrees_of_freedom);
// The t that is larger with that chance, which is below one half.
double student_quantile(double tail, double degrees_of_freedom);

// Holm: which of these p-values are so small that in all but a share `level` of such families none
// is there by chance alone, however they depend on each other.
std::vector<char> holm(std::span<const double> p_values, double level);

}  // namespace memtrace
