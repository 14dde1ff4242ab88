// The two operators that a program or a library may replace on their own; the other forms lead to
// them. HEADER: malloc with something in front of each block. ARENA: no malloc at all.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#define REPLACEMENT __attribute__((visibility("default"), noinline))

#ifdef HEADER
constexpr std::size_t kFront = 16;
constexpr std::uint64_t kMark = 0x600DB10C;

REPLACEMENT void* operator new(std::size_t size) {
  auto* const block =
      size > PTRDIFF_MAX - kFront ? nullptr : static_cast<char*>(std::malloc(size + kFront));
  if (block == nullptr) throw std::bad_alloc();
  *reinterpret_cast<std::uint64_t*>(block) = kMark;
  return block + kFront;
}

REPLACEMENT void operator delete(void* pointer) noexcept {
  if (pointer == nullptr) return;
  auto* const block = static_cast<char*>(pointer) - kFront;
  if (*reinterpret_cast<std::uint64_t*>(block) != kMark) std::abort();
  std::free(block);
}
#endif

#ifdef ARENA
namespace {
alignas(16) char arena[1 << 20];
std::size_t used = 0;
}  // namespace

REPLACEMENT void* operator new(std::size_t size) {
  if (size > sizeof(arena) - used - 16) throw std::bad_alloc();
  char* const block = arena + used;
  used += (size + 15) & ~std::size_t{15};
  return block;
}

REPLACEMENT void operator delete(void* pointer) noexcept {
  const auto offset = static_cast<std::size_t>(static_cast<char*>(pointer) - arena);
  if (pointer != nullptr && offset >= sizeof(arena)) std::abort();
}
#endif
