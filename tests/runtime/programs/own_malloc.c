// A whole malloc family on memory of its own, for a program or a library. What it is given back must
// be its own. CALLS_BACK: its functions call each other by name, as whoever stands in front serves.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char arena[64 << 20] __attribute__((aligned(4096)));
static size_t used;

static void* take(size_t alignment, size_t size) {
  const size_t begin = (__atomic_load_n(&used, __ATOMIC_RELAXED) + 16 + alignment - 1) & ~(alignment - 1);
  if (size > sizeof(arena) - begin) {
    errno = ENOMEM;
    return NULL;
  }
  *(size_t*)(arena + begin - 16) = size;
  used = begin + ((size + 15) & ~(size_t)15);
  return arena + begin;
}

#ifdef CALLS_BACK
#define TAKE(alignment, size) ((alignment) == 16 ? malloc(size) : aligned_alloc(alignment, size))
#define GIVE_BACK(block) free(block)
#else
#define TAKE(alignment, size) take(alignment, size)
#define GIVE_BACK(block) (void)(block)
#endif

static size_t size_of(const void* block) {
  if ((size_t)((const char*)block - arena) >= sizeof(arena)) abort();
  return *(const size_t*)((const char*)block - 16);
}

void* malloc(size_t size) { return take(16, size); }
void* calloc(size_t count, size_t size) {
  void* block;
  if (size != 0 && count > PTRDIFF_MAX / size) return NULL;
  block = TAKE(16, count * size);
  return block == NULL ? NULL : memset(block, 0, count * size);
}
void free(void* block) {
  if (block != NULL) size_of(block);
}
void* realloc(void* block, size_t size) {
  void* const moved = TAKE(16, size);
  if (block != NULL && moved != NULL) memcpy(moved, block, size_of(block) < size ? size_of(block) : size);
  if (moved != NULL) GIVE_BACK(block);
  return moved;
}
void* aligned_alloc(size_t alignment, size_t size) { return take(alignment, size); }
void* memalign(size_t alignment, size_t size) { return TAKE(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  *block = TAKE(alignment, size);
  return *block == NULL ? ENOMEM : 0;
}
size_t malloc_usable_size(void* block) { return block == NULL ? 0 : size_of(block); }
