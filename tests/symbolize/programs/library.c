/* A shared library's own function, and a static one inlined into it. */
#include "known.hpp"

static ALWAYS_INLINE void helper(void) {
  SAY("helper<library_entry");
}

NOINLINE void library_entry(void) {
  helper();
  SAY("library_entry");
}
