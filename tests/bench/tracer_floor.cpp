// What a tracer costs at least: preloaded, these hooks count allocations (-DFLOOR_COUNT), or also
// walk the frame pointers of 14 frames (-DFLOOR_WALK).
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Counts {
  std::uint64_t blocks, bytes, frames;
};
thread_local Counts counts;

using Malloc = void* (*)(std::size_t);
using Free = void (*)(void*);
Malloc real_malloc = nullptr;
Free real_free = nullptr;

[[gnu::always_inline]] inline void count(std::size_t size) {
  ++counts.blocks;
  counts.bytes += size;
#ifdef FLOOR_WALK
  constexpr int kDepth = 14;
  constexpr std::uintptr_t kFar = std::uintptr_t{1} << 20;
  auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  for (int depth = 0; depth < kDepth; ++depth) {
    const auto* const words = reinterpret_cast<const std::uintptr_t*>(frame);
    counts.frames += words[1];
    if (words[0] <= frame || words[0] - frame > kFar || words[0] % 16 != 0) break;
    frame = words[0];
  }
#endif
}

}  // namespace

extern "C" void* malloc(std::size_t size) {
  if (real_malloc == nullptr) real_malloc = reinterpret_cast<Malloc>(dlsym(RTLD_NEXT, "malloc"));
  count(size);
  return real_malloc(size);
}

extern "C" void free(void* pointer) {
  if (real_free == nullptr) real_free = reinterpret_cast<Free>(dlsym(RTLD_NEXT, "free"));
  if (pointer != nullptr) --counts.blocks;
  real_free(pointer);
}
