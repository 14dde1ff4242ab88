// Arithmetic on numbers that came from a file.
#pragma once

#include <concepts>

#include "mtrace/error.hpp"

namespace memtrace {

// a + b, or Error where the sum does not fit.
template <std::integral T>
T checked_add(T a, T b) {
  T sum;
  if (__builtin_add_overflow(a, b, &sum)) throw Error("sizes add up to 2^63 bytes or more");
  return sum;
}

}  // namespace memtrace
