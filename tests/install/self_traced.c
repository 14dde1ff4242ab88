/* Traces itself, beside a library whose one function is called mtrace, too. */
#include <errno.h>
#include <mcheck.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mtrace/mtrace.h"

static void* volatile kept;

int main(int argc, char** argv) {
  uint64_t current = 0;
  if (argc != 2 || mtrace_is_tracing() || mtrace_take_snapshot(argv[1]) || errno != ENODATA) return 1;
  if (strcmp(mtrace_get_error_text(errno), "nothing is traced") != 0 || !mtrace_start(0)) return 1;
  kept = malloc(12345);
  mtrace_get_traced_memory(&current, NULL);
  if (mtrace_take_snapshot("/no/such/folder/a.zst") || errno != ENOENT) return 1;
  if (!mtrace_take_snapshot(argv[1])) return 1;
  mtrace_stop();
  printf("%lu\n", (unsigned long)current);
  free(kept);
  return 0;
}
