/* Ceilings and the growth reporter in C. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mtrace/growth.h"
#include "mtrace/mtrace.h"

#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) {                                                   \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                            \
    }                                                                     \
  } while (0)

static void* volatile kept[1000];

__attribute__((noinline)) static void keep(int begin, int count) {
  for (int i = begin; i < begin + count; ++i) kept[i] = malloc(2000);
}

static int calls = 0;
static long long reported = 0;
static unsigned long long windows = 0;

static void on_growth(const mtrace_grown_line* line, void* context) {
  CHECK(context == &calls);
  if (line->function == NULL || strcmp(line->function, "keep") != 0) return;
  reported += line->size_diff;
  if (line->windows > windows) windows = line->windows;
  __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static void test_ceiling(void) {
  mtrace_measurement* within = mtrace_begin_measurement();
  CHECK(within != NULL);
  keep(0, 10);
  CHECK(mtrace_check_ceiling(within, 20000, -1) == NULL);
  int64_t growth = 0, peak = 0;
  mtrace_end_measurement(within, &growth, &peak);
  CHECK(growth == 20000 && peak == 20000);
  const char* const problems = mtrace_check_ceiling(within, 1000, 20000);
  CHECK(problems != NULL && strstr(problems, "memory growth 19.5 KiB (20000 bytes)") != NULL);
  CHECK(strstr(problems, "in_c.c:") != NULL && strstr(problems, " in keep: +19.5 KiB in 10 blocks") != NULL);
  mtrace_free_measurement(within);
  mtrace_free_measurement(NULL);
  CHECK(!mtrace_is_tracing());
}

static void test_reporter(void) {
  mtrace_growth_options options = {0};
  CHECK(!mtrace_report_growth(&options));
  options.options_size = sizeof options;
  options.every = 0.1;
  options.threshold = 30000;
  options.callback = on_growth;
  options.context = &calls;
  CHECK(mtrace_report_growth(&options));
  CHECK(mtrace_is_tracing());
  /* 20,000 bytes at a time: every second one is reported. */
  for (int i = 1; i <= 100 && __atomic_load_n(&calls, __ATOMIC_SEQ_CST) < 2; ++i) {
    if (i < 90) keep(10 * i, 10);
    usleep(100000);
  }
  mtrace_stop_reporting_growth();
  CHECK(calls >= 2);
  CHECK(reported > 60000 && windows >= 1);
  CHECK(!mtrace_is_tracing());
  mtrace_stop_reporting_growth();
}

/* Whether the file has a line of this process about keep(). */
static int is_reported(const char* path) {
  char line[4096], own[64];
  int found = 0;
  snprintf(own, sizeof own, "\"pid\": %d,", (int)getpid());
  FILE* const file = fopen(path, "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strstr(line, own) != NULL && strstr(line, "\"function\": \"keep\"") != NULL) found = 1;
  }
  if (file != NULL) fclose(file);
  return found;
}

static int keep_until_reported(const char* path) {
  for (int i = 0; i < 90; ++i) {
    keep(10 * i, 10);
    usleep(50000);
    if (is_reported(path)) return 1;
  }
  return 0;
}

static void test_file_and_fork(void) {
  char path[] = "/tmp/mtrace-growth-XXXXXX";
  close(mkstemp(path));
  mtrace_growth_options options = {0};
  options.options_size = sizeof options;
  options.every = 0.1;
  options.threshold = 10000;
  options.file = path;
  const char* const exclude[] = {"*/other.c", NULL};
  options.exclude = exclude;
  CHECK(mtrace_report_growth(&options));
  const pid_t child = fork();
  if (child == 0) _exit(keep_until_reported(path) ? 0 : 1);
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(keep_until_reported(path));
  options.file = "/nowhere/at/all";
  CHECK(!mtrace_report_growth(&options));
  /* The one that runs is stopped by the end of the program. */
  unlink(path);
}

int main(void) {
  test_ceiling();
  test_reporter();
  test_file_and_fork();
  puts("ceilings and the reporter work in C");
  return 0;
}
