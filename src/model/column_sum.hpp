// Adding up rows of columns.
#pragma once

#include "base/checked_math.hpp"
#include "mtrace/snapshot.hpp"

namespace memtrace {

inline void append_zero(Column& column, bool is_estimate) {
  column.size.push_back(0);
  column.count.push_back(0);
  if (!is_estimate) return;
  column.size_variance.push_back(0);
  column.count_variance.push_back(0);
}

// Samples are independent, so variances add up as the estimates do. Where only one side is an
// estimate, the other side's variance is zero. Throws Error past 63 bits.
inline void add_row(Column& to, std::size_t row, const Column& from, std::size_t from_row) {
  to.size[row] = checked_add(to.size[row], from.size[from_row]);
  to.count[row] = checked_add(to.count[row], from.count[from_row]);
  if (!from.is_estimate()) return;
  to.size_variance.resize(to.size.size());
  to.count_variance.resize(to.size.size());
  to.size_variance[row] += from.size_variance[from_row];
  to.count_variance[row] += from.count_variance[from_row];
}

}  // namespace memtrace
