/* Traces itself, beside a library whose one function is called mtrace, too. */
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>

#include "mtrace/mtrace.h"

static void* volatile kept;

int main(int argc, char** argv) {
  uint64_t current = 0;
  if (argc != 2 || mtrace_is_tracing() || !mtrace_start(0)) return 1;
  kept = malloc(12345);
  mtrace_get_traced_memory(&current, NULL);
  if (!mtrace_take_snapshot(argv[1])) return 1;
  mtrace_stop();
  printf("%lu\n", (unsigned long)current);
  free(kept);
  return 0;
}
