// A library whose constructor runs before the tracer's, and calls what the tracer stands in front of,
// in several threads.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void* allocate(void* nothing) {
  for (int i = 0; i < 200; ++i) free(realloc(malloc(i), 2 * i + 1));
  munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
  return nothing;
}

__attribute__((constructor(101))) static void early(void) {
  pthread_t threads[3];
  signal(SIGUSR2, SIG_IGN);
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, allocate, NULL);
  allocate(NULL);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  dlclose(dlopen("libm.so.6", RTLD_NOW));
  puts("early");
}
