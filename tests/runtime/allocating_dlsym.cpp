// A dlsym() that allocates in every way while it searches, as that of other C libraries and of some
// tools does. The tracer must not need it.
#include <dlfcn.h>

#include <cstdlib>

extern "C" void* dlsym(void* handle, const char* name) noexcept {
  void* blocks[] = {std::malloc(50), std::calloc(3, 40), std::realloc(nullptr, 30)};
  blocks[0] = std::realloc(blocks[0], 500);
  const auto* const zeroed = static_cast<const char*>(blocks[1]);
  if (blocks[0] == nullptr || zeroed == nullptr || zeroed[119] != 0) std::abort();
  for (void* const block : blocks) std::free(block);
  static auto* const real =
      reinterpret_cast<decltype(&dlsym)>(dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5"));
  void* const found = real(handle, name);
  asm volatile("");  // not a jump: the real one looks at who calls it
  return found;
}
