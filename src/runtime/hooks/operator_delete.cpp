// The 12 forms of operator delete.
#include "runtime/hooks/hook.hpp"
#include "runtime/hooks/real_operators.hpp"

namespace memtrace::runtime {
namespace {

using Operators = RealOperators RealFunctions::*;
constexpr Operators kObject = &RealFunctions::object_operators;
constexpr Operators kArray = &RealFunctions::array_operators;

// By the next definition of the form; where nobody defines it, by that of the plain one.
template <class... More>
void destroy(void (*form)(void*, More...), void* pointer, More... more) {
  if (form != nullptr) return form(pointer, more...);
  const auto plain = real.object_operators.destroy;
  return plain != nullptr ? plain(pointer) : real.free(pointer);
}

template <Operators operators, auto form, class... More>
[[gnu::noinline]] void release_foreign(void* pointer, More... more) {
  foreign_release(pointer, [=] { destroy<More...>(real.*operators.*form, pointer, more...); });
}

template <Operators operators, auto form, class... More>
[[gnu::always_inline]] inline void release(void* pointer, More... more) {
  if (operators_are_malloc()) [[likely]]
    return traced_free(pointer);
  if (pointer != nullptr) release_foreign<operators, form, More...>(pointer, more...);
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the operators that stand here are the program's

#define MTRACE_HOOK __attribute__((visibility("default")))

MTRACE_HOOK void operator delete(void* pointer) noexcept {
  release<kObject, &RealOperators::destroy>(pointer);
}

MTRACE_HOOK void operator delete[](void* pointer) noexcept {
  release<kArray, &RealOperators::destroy>(pointer);
}

MTRACE_HOOK void operator delete(void* pointer, std::size_t size) noexcept {
  release<kObject, &RealOperators::destroy_sized, std::size_t>(pointer, size);
}

MTRACE_HOOK void operator delete[](void* pointer, std::size_t size) noexcept {
  release<kArray, &RealOperators::destroy_sized, std::size_t>(pointer, size);
}

MTRACE_HOOK void operator delete(void* pointer, const std::nothrow_t& tag) noexcept {
  release<kObject, &RealOperators::destroy_nothrow, const std::nothrow_t&>(pointer, tag);
}

MTRACE_HOOK void operator delete[](void* pointer, const std::nothrow_t& tag) noexcept {
  release<kArray, &RealOperators::destroy_nothrow, const std::nothrow_t&>(pointer, tag);
}

MTRACE_HOOK void operator delete(void* pointer, std::align_val_t alignment) noexcept {
  release<kObject, &RealOperators::destroy_aligned, std::align_val_t>(pointer, alignment);
}

MTRACE_HOOK void operator delete[](void* pointer, std::align_val_t alignment) noexcept {
  release<kArray, &RealOperators::destroy_aligned, std::align_val_t>(pointer, alignment);
}

MTRACE_HOOK void operator delete(void* pointer, std::size_t size,
                                 std::align_val_t alignment) noexcept {
  release<kObject, &RealOperators::destroy_sized_aligned, std::size_t, std::align_val_t>(
      pointer, size, alignment);
}

MTRACE_HOOK void operator delete[](void* pointer, std::size_t size,
                                   std::align_val_t alignment) noexcept {
  release<kArray, &RealOperators::destroy_sized_aligned, std::size_t, std::align_val_t>(
      pointer, size, alignment);
}

MTRACE_HOOK void operator delete(void* pointer, std::align_val_t alignment,
                                 const std::nothrow_t& tag) noexcept {
  release<kObject, &RealOperators::destroy_aligned_nothrow, std::align_val_t,
          const std::nothrow_t&>(pointer, alignment, tag);
}

MTRACE_HOOK void operator delete[](void* pointer, std::align_val_t alignment,
                                   const std::nothrow_t& tag) noexcept {
  release<kArray, &RealOperators::destroy_aligned_nothrow, std::align_val_t, const std::nothrow_t&>(
      pointer, alignment, tag);
}
