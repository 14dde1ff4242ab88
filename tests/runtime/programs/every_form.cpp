// Keeps one block of each way to allocate, each from a function of its own, and releases another by
// the form that belongs to it. A program (PROGRAM), a library (exported every_form()), or both.
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#define FORM extern "C" __attribute__((noinline))

namespace {
void* kept[32];
unsigned count = 0;

[[gnu::noinline]] void keep(void* block) {
  if (block == nullptr) std::abort();
  std::memset(block, 1, 16);
  kept[count++] = block;
}
}  // namespace

FORM void by_malloc() {
  keep(std::malloc(101));
  std::free(std::malloc(50));
}
FORM void by_calloc() {
  keep(std::calloc(2, 51));
  std::free(std::calloc(3, 50));
}
FORM void by_realloc() {
  keep(std::realloc(std::malloc(20), 103));
  std::free(std::realloc(nullptr, 60));
}
FORM void by_aligned_alloc() {
  keep(std::aligned_alloc(64, 128));
  std::free(std::aligned_alloc(32, 64));
}
FORM void by_posix_memalign() {
  void* block = nullptr;
  if (posix_memalign(&block, 64, 105) == 0) keep(block);
}
FORM void by_new() {
  keep(::operator new(106));
  ::operator delete(::operator new(50));
  ::operator delete (::operator new(50), std::size_t{50});
}
FORM void by_new_array() {
  keep(::operator new[](107));
  ::operator delete[](::operator new[](50));
  ::operator delete[](::operator new[](50), std::size_t{50});
}
FORM void by_new_nothrow() {
  keep(::operator new(108, std::nothrow));
  ::operator delete(::operator new(50, std::nothrow), std::nothrow);
  keep(::operator new[](109, std::nothrow));
  ::operator delete[](::operator new[](50, std::nothrow), std::nothrow);
}
FORM void by_new_aligned() {
  constexpr std::align_val_t kAlignment{64};
  keep(::operator new(110, kAlignment));
  ::operator delete(::operator new(50, kAlignment), kAlignment);
  ::operator delete (::operator new(50, kAlignment), std::size_t{50}, kAlignment);
  keep(::operator new[](111, kAlignment));
  ::operator delete[](::operator new[](50, kAlignment), kAlignment);
}
// What cannot be had is thrown, and caught; the next one is counted as if nothing had been.
FORM unsigned fail() {
  volatile std::size_t most = PTRDIFF_MAX;
  unsigned failed = 0;
  try {
    kept[0] = ::operator new(most);
  } catch (const std::bad_alloc&) {
    ++failed;
  }
  try {
    kept[0] = ::operator new[](most);
  } catch (const std::bad_alloc&) {
    ++failed;
  }
  try {
    kept[0] = ::operator new (most, std::align_val_t{64});
  } catch (const std::bad_alloc&) {
    ++failed;
  }
  return failed + (::operator new(most, std::nothrow) == nullptr ? 1 : 0);
}
FORM void by_new_after_failure() {
  keep(::operator new(112));
}

extern "C" [[gnu::visibility("default")]] void every_form() {
  // In a program that is not position independent, this makes entries in its PLT their addresses.
  void* (*volatile addresses[])(std::size_t) = {std::malloc, ::operator new, ::operator new[] };
  void (*volatile releases[])(void*) = {std::free, ::operator delete, ::operator delete[] };
  for (int i = 0; i < 3; ++i) releases[i](addresses[i](10));
  by_malloc();
  by_calloc();
  by_realloc();
  by_aligned_alloc();
  by_posix_memalign();
  by_new();
  by_new_array();
  by_new_nothrow();
  by_new_aligned();
  const unsigned failed = fail();
  by_new_after_failure();
  std::printf("%u kept, %u failed\n", count, failed);
}

#ifdef PROGRAM
int main() {
  every_form();
}
#endif
