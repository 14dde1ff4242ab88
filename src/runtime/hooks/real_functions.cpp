#include "runtime/hooks/real_functions.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/hooks/bootstrap_pool.hpp"
#include "runtime/os/lock.hpp"

namespace memtrace::runtime {
namespace {

constinit BootstrapPool pool;
// What was found, where the pool's blocks must be told from its own.
constinit RealFunctions behind_pool{};
constinit Lock finding{LockRank::real_functions};
constinit thread_local bool is_finding [[gnu::tls_model("initial-exec")]] = false;
constinit std::atomic<bool> are_found{false};

// Each of the first ones finds the real ones and asks those, unless it is called by the search.
void* first_malloc(std::size_t size) {
  if (is_finding) return pool.allocate(size);
  find_real_functions();
  return real.malloc(size);
}

void* first_calloc(std::size_t count, std::size_t size) {
  if (is_finding) {
    std::size_t bytes = 0;
    return __builtin_mul_overflow(count, size, &bytes) ? nullptr : pool.allocate(bytes);
  }
  find_real_functions();
  return real.calloc(count, size);
}

void* first_realloc(void* pointer, std::size_t size) {
  if (is_finding) {
    void* const larger = pool.allocate(size);
    if (larger != nullptr && pointer != nullptr) {
      std::memcpy(larger, pointer, std::min(size, BootstrapPool::size_of(pointer)));
    }
    return larger;
  }
  find_real_functions();
  return real.realloc(pointer, size);
}

void first_free(void* pointer) {
  if (is_finding || pool.holds(pointer)) return;
  find_real_functions();
  real.free(pointer);
}

int first_posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  if (is_finding) return ENOMEM;
  find_real_functions();
  return real.posix_memalign(result, alignment, size);
}

void* first_aligned_alloc(std::size_t alignment, std::size_t size) {
  if (is_finding) return nullptr;
  find_real_functions();
  return real.aligned_alloc(alignment, size);
}

void* first_memalign(std::size_t alignment, std::size_t size) {
  if (is_finding) return nullptr;
  find_real_functions();
  return real.memalign(alignment, size);
}

void* first_valloc(std::size_t size) {
  if (is_finding) return nullptr;
  find_real_functions();
  return real.valloc(size);
}

void* first_pvalloc(std::size_t size) {
  if (is_finding) return nullptr;
  find_real_functions();
  return real.pvalloc(size);
}

std::size_t first_malloc_usable_size(void* pointer) {
  if (is_finding) return 0;
  find_real_functions();
  return real.malloc_usable_size(pointer);
}

void free_but_pool(void* pointer) {
  if (!pool.holds(pointer)) behind_pool.free(pointer);
}

void* realloc_but_pool(void* pointer, std::size_t size) {
  if (!pool.holds(pointer)) return behind_pool.realloc(pointer, size);
  void* const larger = behind_pool.malloc(size);
  if (larger != nullptr) {
    std::memcpy(larger, pointer, std::min(size, BootstrapPool::size_of(pointer)));
  }
  return larger;
}

std::size_t usable_size_but_pool(void* pointer) {
  return pool.holds(pointer) ? BootstrapPool::size_of(pointer)
                             : behind_pool.malloc_usable_size(pointer);
}

// The pool is used while functions are found, or never: hardly any program pays for the question.
void keep_pool_apart(RealFunctions& found) {
  if (!pool.is_used()) return;
  behind_pool = found;
  found.free = free_but_pool;
  found.realloc = realloc_but_pool;
  found.malloc_usable_size = usable_size_but_pool;
}

// Leaves `function` as it is where nobody defines it.
template <class Function>
void find(Function*& function, const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found != nullptr) function = reinterpret_cast<Function*>(found);
}

}  // namespace

constinit RealFunctions real = {
    first_malloc,        first_calloc,   first_realloc, first_free,    first_posix_memalign,
    first_aligned_alloc, first_memalign, first_valloc,  first_pvalloc, first_malloc_usable_size,
};

void find_real_functions() {
  if (are_found.load(std::memory_order_acquire) || is_finding) return;
  is_finding = true;
  {
    const Locked locked(finding);
    if (!are_found.load(std::memory_order_relaxed)) {
      RealFunctions found = real;
      find(found.malloc, "malloc");
      find(found.calloc, "calloc");
      find(found.realloc, "realloc");
      find(found.free, "free");
      find(found.posix_memalign, "posix_memalign");
      find(found.aligned_alloc, "aligned_alloc");
      find(found.memalign, "memalign");
      find(found.valloc, "valloc");
      find(found.pvalloc, "pvalloc");
      find(found.malloc_usable_size, "malloc_usable_size");
      keep_pool_apart(found);
      real = found;
      are_found.store(true, std::memory_order_release);
    }
  }
  is_finding = false;
}

}  // namespace memtrace::runtime
