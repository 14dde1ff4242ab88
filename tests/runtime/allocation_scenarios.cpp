// Every way to allocate: each block has its size while it lives, and leaves nothing behind.
#include "runtime/allocation_scenarios.hpp"

#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/scenario_checks.hpp"

extern "C" void cfree(void* pointer) __attribute__((weak));
extern "C" void free_sized(void* pointer, std::size_t size) __attribute__((weak));
extern "C" void free_aligned_sized(void* pointer, std::size_t alignment, std::size_t size)
    __attribute__((weak));

namespace memtrace::test {

// Some allocators have none: then it is libc's, whose block theirs must not free.
static void check_whole_pages() {
  const char* const allocator = std::getenv("LD_PRELOAD");
  if (allocator != nullptr && std::strstr(allocator, "jemalloc") != nullptr) return;
  for (const std::size_t size : {1UL, 4096UL, 70'000UL}) {
    check_pair(
        "pvalloc", static_cast<std::int64_t>(size), [=] { return pvalloc(size); }, std::free);
  }
}

void malloc_family() {
  for (const std::size_t size : {1UL, 16UL, 17UL, 100UL, 1023UL, 1024UL, 70'000UL, 2'000'000UL}) {
    const auto bytes = static_cast<std::int64_t>(size);
    check_pair(
        "malloc", bytes, [=] { return std::malloc(size); }, std::free);
    check_pair(
        "calloc", 3 * bytes, [=] { return std::calloc(3, size); }, std::free);
    check_pair(
        "realloc", bytes, [=] { return std::realloc(nullptr, size); }, std::free);
    check_pair(
        "reallocarray", 5 * bytes, [=] { return reallocarray(nullptr, 5, size); }, std::free);
    check_pair(
        "aligned_alloc", bytes, [=] { return std::aligned_alloc(64, size); }, std::free);
    check_pair(
        "memalign", bytes, [=] { return memalign(256, size); }, std::free);
    check_pair(
        "valloc", bytes, [=] { return valloc(size); }, std::free);
    check_pair(
        "posix_memalign", bytes,
        [=] {
          void* block = nullptr;
          return posix_memalign(&block, 128, size) == 0 ? block : nullptr;
        },
        std::free);
    check_pair(
        "free_sized", bytes, [=] { return std::malloc(size); },
        [=](void* block) { free_sized(block, size); });
    check_pair(
        "free_aligned_sized", bytes, [=] { return std::aligned_alloc(64, size); },
        [=](void* block) { free_aligned_sized(block, 64, size); });
    check_pair(
        "cfree", bytes, [=] { return std::malloc(size); }, cfree);
  }
  check_whole_pages();
  check_pair(
      "malloc_usable_size", 10,
      [] {
        void* const block = std::malloc(10);
        std::memset(block, 1, malloc_usable_size(block));
        return block;
      },
      std::free);
}

// Behind the compiler's back: it takes the old pointer for invalid, which it is not after a
// failure.
static void* (*volatile reallocate)(void*, std::size_t) = std::realloc;

void moves() {
  for (const std::size_t size : {8UL, 500UL, 1500UL, 300'000UL}) {
    check_pair(
        "realloc to another size", static_cast<std::int64_t>(size),
        [=] { return std::realloc(used(std::malloc(100)), size); }, std::free);
  }
  check_pair(
      "a realloc that fails changes nothing", 100,
      [] {
        void* const block = used(std::malloc(100));
        volatile std::size_t impossible = PTRDIFF_MAX;
        check(reallocate(block, impossible) == nullptr, "realloc must fail");
        return block;
      },
      std::free);
  const std::int64_t before = current();
  void* const gone = used(std::malloc(100));
  volatile std::size_t nothing = 0;
  // Some allocators give an empty block.
  std::free(reallocate(gone, nothing));
  check(current() == before, "realloc to nothing frees", current() - before, 0);
  check_pair(
      "calloc's overflow fails", 1,
      [] {
        volatile std::size_t half = SIZE_MAX / 2;
        check(std::calloc(half, 3) == nullptr, "calloc must fail");
        return std::malloc(1);
      },
      std::free);
}

void operators() {
  constexpr std::align_val_t kAlignment{64};
  for (const std::size_t size : {1UL, 40UL, 4000UL}) {
    const auto bytes = static_cast<std::int64_t>(size);
    const auto one = [=] { return ::operator new(size); };
    const auto aligned = [=] { return ::operator new(size, kAlignment); };
    const auto many = [=] { return ::operator new[](size); };
    const auto aligned_many = [=] { return ::operator new[](size, kAlignment); };
    check_pair("new", bytes, one, [](void* p) { ::operator delete(p); });
    check_pair("new, sized delete", bytes, one, [=](void* p) { ::operator delete(p, size); });
    check_pair("new[]", bytes, many, [](void* p) { ::operator delete[](p); });
    check_pair("new[], sized delete", bytes, many, [=](void* p) { ::operator delete[](p, size); });
    check_pair(
        "nothrow new", bytes, [=] { return ::operator new(size, std::nothrow); },
        [](void* p) { ::operator delete(p, std::nothrow); });
    check_pair(
        "nothrow new[]", bytes, [=] { return ::operator new[](size, std::nothrow); },
        [](void* p) { ::operator delete[](p, std::nothrow); });
    check_pair("aligned new", bytes, aligned, [=](void* p) { ::operator delete(p, kAlignment); });
    check_pair("aligned new, sized delete", bytes, aligned,
               [=](void* p) { ::operator delete(p, size, kAlignment); });
    check_pair("aligned new[]", bytes, aligned_many,
               [=](void* p) { ::operator delete[](p, kAlignment); });
    check_pair("aligned new[], sized delete", bytes, aligned_many,
               [=](void* p) { ::operator delete[](p, size, kAlignment); });
    check_pair(
        "aligned nothrow new", bytes,
        [=] { return ::operator new(size, kAlignment, std::nothrow); },
        [=](void* p) { ::operator delete(p, kAlignment, std::nothrow); });
    check_pair(
        "aligned nothrow new[]", bytes,
        [=] { return ::operator new[](size, kAlignment, std::nothrow); },
        [=](void* p) { ::operator delete[](p, kAlignment, std::nothrow); });
  }
}

static int handler_calls = 0;

void exceptions() {
  volatile std::size_t impossible = PTRDIFF_MAX;
  bool caught = false;
  std::set_new_handler([] {
    if (++handler_calls == 2) std::set_new_handler(nullptr);
  });
  try {
    used(::operator new(impossible));
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  check(caught, "bad_alloc");
  check(handler_calls == 2, "calls of the new-handler", handler_calls, 2);
  check(::operator new(impossible, std::nothrow) == nullptr, "nothrow new fails");
  // Hooks work on after the exception went through them.
  check_pair(
      "after bad_alloc", 24, [] { return ::operator new(24); },
      [](void* p) { ::operator delete(p); });
}

}  // namespace memtrace::test
