// A function in a header, inlined into a file that is not where it was written.
#pragma once

#include "known.hpp"

ALWAYS_INLINE void from_header() {
  SAY("from_header()<plain");
}
