/* Tracing one's own memory: libmtrace_rt, for C. Named and behaving as Python's tracemalloc.
 *
 * A program that links libmtrace_rt, or is run with it preloaded (`mtrace run`), has its malloc
 * family and operator new traced from mtrace_start() on, or, with MTRACE=25 in its environment,
 * from its beginning. Linked but not started it costs nothing that can be measured.
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
 * default, 32; at most 1024). Where tracing is on already, nothing changes.
 *
 * From then on `mtrace snapshot PID` can ask the process for a snapshot, which goes to
 * mtrace.PROGRAM.PID.zst in the present folder (MTRACE=output=PATTERN says otherwise). It asks with
 * a real-time signal (SIGRTMIN + 21 or one near it) that the program leaves alone: one that it
 * neither handles nor ignores nor blocks in this thread. Where the program begins to use that one,
 * another one is taken. A child of fork() goes on tracing by itself. */
MTRACE_PUBLIC int mtrace_start(unsigned nframe);
/* Stops tracing and forgets all that was traced: take a snapshot before. */
MTRACE_PUBLIC void mtrace_stop(void);
MTRACE_PUBLIC int mtrace_is_tracing(void);

/* Writes a snapshot for `mtrace top` and its like. `path` is there whole, or, on failure, as it was
 * before; then errno says why: ENODATA where nothing is traced, ENOMEM where there is no memory for
 * a copy, otherwise what the system says of the file. */
MTRACE_PUBLIC int mtrace_take_snapshot(const char* path);
/* That errno in words. Never NULL; the text is constant. */
MTRACE_PUBLIC const char* mtrace_get_error_text(int error);

/* Bytes in traced blocks now, and at most since the start, or since the peak was reset. Either may
 * be NULL. */
MTRACE_PUBLIC void mtrace_get_traced_memory(uint64_t* current, uint64_t* peak);
/* Makes the current size the peak. */
MTRACE_PUBLIC void mtrace_reset_peak(void);
/* Forgets all traced blocks and goes on tracing. */
MTRACE_PUBLIC void mtrace_clear_traces(void);

/* Frames that are kept of a traceback; 0 where tracing is off. */
MTRACE_PUBLIC unsigned mtrace_get_traceback_limit(void);
/* Bytes of memory that the kernel has given the tracer for itself. */
MTRACE_PUBLIC uint64_t mtrace_get_tracer_memory(void);

/* Where the block at `pointer` was allocated: up to `count` return addresses go to `frames`, most
 * recent first. Returns how many there are, which may be more; 0 where the block is not traced. */
MTRACE_PUBLIC size_t mtrace_get_block_traceback(const void* pointer, uintptr_t* frames,
                                                size_t count);

/* Adds a live block of an arena or an allocator of one's own. Each
 * domain has addresses of its own; 0 is Python's, 1 the malloc family's (whose blocks are traced
 * without being told), 2 anonymous mappings'; take others, below 2^31 - 1. An address may be any
 * number; tracking it again replaces what was there. Fails where tracing is off, where there is no
 * memory for it, or where all that is alive would be more than INT64_MAX bytes. */
MTRACE_PUBLIC int mtrace_track(uint32_t domain, uintptr_t pointer, size_t size);
/* Removes a live block. Fails where it was not tracked. */
MTRACE_PUBLIC int mtrace_untrack(uint32_t domain, uintptr_t pointer);

#ifdef __cplusplus
}
#endif

#endif
