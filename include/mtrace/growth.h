/* Limits for the memory of a piece of code, and a reporter of what grows in a service, in C.
 * mtrace/growth.hpp is the same for C++.
 *
 * The functions are in libmtrace and use the tracer of libmtrace_rt: a program links both
 * (-lmtrace -lmtrace_rt), or links libmtrace and runs under `mtrace run`. Without a tracer they
 * fail with ENOSYS. What they allocate themselves is not counted. Any thread may call them.
 *
 * Lines are found in the program's debug information (-g), the first time that they are needed. */
#ifndef MTRACE_GROWTH_H
#define MTRACE_GROWTH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MTRACE_GROWTH_PUBLIC __attribute__((visibility("default")))
#else
#define MTRACE_GROWTH_PUBLIC
#endif

/* --- limits, for tests --- */

/* Traced memory of the whole process from a beginning to an end. */
typedef struct mtrace_measurement mtrace_measurement;

/* Begins. Starts tracing until the end, unless it is on. Takes a snapshot, and resets the peak.
 * Fails with NULL and errno. To be given to mtrace_free_measurement(). */
MTRACE_GROWTH_PUBLIC mtrace_measurement* mtrace_begin_measurement(void);
/* Ends, unless it has ended; later calls give the same. Bytes that the live blocks, and the most
 * that were alive at a time, exceed those at the beginning by. Either pointer may be NULL. */
MTRACE_GROWTH_PUBLIC void mtrace_end_measurement(mtrace_measurement* measurement, int64_t* growth,
                                                 int64_t* peak);
/* Ends, and says by how much the limits were exceeded and which lines took most: NULL if they were
 * not. A negative limit is none. The text belongs to the measurement. */
MTRACE_GROWTH_PUBLIC const char* mtrace_check_ceiling(mtrace_measurement* measurement,
                                                      int64_t max_growth, int64_t max_peak);
/* Ends and frees it. NULL is nothing. */
MTRACE_GROWTH_PUBLIC void mtrace_free_measurement(mtrace_measurement* measurement);

/* --- what grows in a service --- */

/* A line that grew. What is unknown is NULL or 0. Valid during the call. */
typedef struct mtrace_grown_line {
  const char* filename;
  uint32_t lineno;
  const char* function;
  const char* module;
  int64_t size, count;           /* now: bytes, blocks */
  int64_t size_diff, count_diff; /* since it was last reported, or least since */
  uint64_t windows;              /* in a row in which it grew, by whatever amount */
  double seconds;                /* that size_diff took */
} mtrace_grown_line;

typedef struct mtrace_growth_options {
  size_t options_size; /* sizeof(mtrace_growth_options) */
  double every;        /* seconds of a window; 0: 300 */
  int64_t threshold;   /* bytes; a line that grew by more is reported */
  /* Patterns as those of `mtrace top --include` and `--exclude`, ending with NULL; NULL: none. */
  const char* const* include;
  const char* const* exclude;
  /* Where a JSON object (formats/growth.schema.json) is appended for each line that grew, each in a
   * line of its own, by one write(). NULL: standard error, unless there is a callback. */
  const char* file;
  /* Called on the reporter's thread, where it allocates nothing that is traced. */
  void (*callback)(const mtrace_grown_line* line, void* context);
  void* context;
} mtrace_growth_options;

/* Compares the memory of each line with a baseline at the end of each window, and reports what grew
 * beyond the threshold: by a thread of its own. A line's baseline is what it held when it was last
 * reported, or less, if it shrank since: so slow growth is reported, too, when it has added up.
 *
 * Starts tracing, unless it is on. A child of fork() goes on reporting by itself, after two windows. Replaces the
 * reporter that runs already. Fails with 0 and errno: EINVAL for options that make no sense. */
MTRACE_GROWTH_PUBLIC int mtrace_report_growth(const mtrace_growth_options* options);
/* Ends the reporter, and waits for it. Nothing is reported afterwards. Ends tracing, too, if the
 * reporter had started it. */
MTRACE_GROWTH_PUBLIC void mtrace_stop_reporting_growth(void);

#ifdef __cplusplus
}
#endif

#endif
