/* Lets a program trace its own memory, in C. The library is libmtrace_rt; the functions are named
 * and behave like those of Python's tracemalloc.
 *
 * If a program links libmtrace_rt or runs with it preloaded (`mtrace run`), its malloc family and
 * operator new are traced from mtrace_start() on, or, with MTRACE=25 in its environment, from its
 * beginning. While tracing is off, the library has no measurable cost.
 *
 * Functions that return int return 1 for yes or success, 0 for no or failure. Any thread may call
 * them. */
#ifndef MTRACE_MTRACE_H
#define MTRACE_MTRACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MTRACE_PUBLIC __attribute__((visibility("default")))
#else
#define MTRACE_PUBLIC
#endif

/* Starts tracing and keeps up to `nframe` frames of each traceback, the most recent ones (0: the
 * default, 32; at most 1024). Does nothing if tracing is already on.
 *
 * From then on `mtrace snapshot PID` can ask the process for a snapshot, which goes to
 * mtrace.PROGRAM.PID.zst in the current folder, or to the PATTERN of MTRACE=output=PATTERN. A
 * thread of the tracer's own answers. A child of fork() continues tracing on its own. */
MTRACE_PUBLIC int mtrace_start(unsigned nframe);
/* Stops tracing and forgets all traced blocks: take a snapshot before. */
MTRACE_PUBLIC void mtrace_stop(void);
MTRACE_PUBLIC int mtrace_is_tracing(void);

/* Writes a snapshot for `mtrace top` and the other commands. On success, the file at `path` is
 * complete. On failure, it is unchanged, and errno says why: ENODATA if tracing is off, ENOMEM if
 * memory for a copy is missing, otherwise the system's error for the file. */
MTRACE_PUBLIC int mtrace_take_snapshot(const char* path);
/* Describes such an errno in words. Never NULL; the text is constant. */
MTRACE_PUBLIC const char* mtrace_get_error_text(int error);

/* Bytes in traced blocks now, and their maximum since the start or since the peak was reset. Either
 * pointer may be NULL. */
MTRACE_PUBLIC void mtrace_get_traced_memory(uint64_t* current, uint64_t* peak);
/* Makes the current size the peak. */
MTRACE_PUBLIC void mtrace_reset_peak(void);
/* Forgets all traced blocks and goes on tracing. */
MTRACE_PUBLIC void mtrace_clear_traces(void);

/* Adds units of work that the program has done since it started: requests, files, frames. Snapshots
 * say how many there were so far, and `mtrace trend --per work` gives growth per unit, which is the
 * same at day and at night. One atomic addition, also while tracing is off. A child of fork()
 * begins at 0. */
MTRACE_PUBLIC void mtrace_add_work(uint64_t units);

/* Maximum number of frames per traceback; 0 if tracing is off. */
MTRACE_PUBLIC unsigned mtrace_get_traceback_limit(void);
/* Bytes of memory that the tracer itself has from the kernel. */
MTRACE_PUBLIC uint64_t mtrace_get_tracer_memory(void);

/* Stores where the block at `pointer` was allocated: up to `count` return addresses go to `frames`,
 * most recent first. Returns their number, which may exceed `count`; 0 for an untraced block. */
MTRACE_PUBLIC size_t mtrace_get_block_traceback(const void* pointer, uintptr_t* frames,
                                                size_t count);

/* Whether what the calling thread allocates from now on is left out: 1 yes, 0 no. For code that
 * looks at the program's memory from within. Returns what was. */
MTRACE_PUBLIC int mtrace_set_untraced(int untraced);

/* Adds a live block of an arena or a custom allocator. Each domain is an address space of its own:
 * 0 is Python's, 1 the malloc family's (whose blocks are traced automatically), 2 that of anonymous
 * mappings. Use other domains, below 2^31 - 1. An address may be any number; tracking it again
 * replaces the block there. Fails if tracing is off, if memory runs out, or if the sum of all live
 * blocks would exceed INT64_MAX bytes. */
MTRACE_PUBLIC int mtrace_track(uint32_t domain, uintptr_t pointer, size_t size);
/* Removes a live block. Fails if it was not tracked. */
MTRACE_PUBLIC int mtrace_untrack(uint32_t domain, uintptr_t pointer);

#ifdef __cplusplus
}
#endif

#endif
