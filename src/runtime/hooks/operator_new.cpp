// All 20 forms of operator new and delete: here the 8 that allocate.
//
// The C++ library's own forms are malloc behind a loop that asks the new-handler; so a hook
// allocates with the real malloc, and only where that fails calls the next definition, which tries
// again, asks and throws. Without the guard: an exception leaves the hook as if nothing had been.
// Another allocator's forms (tcmalloc's, a library's of the program) are called for every block.
#include <bit>

#include "runtime/hooks/hook.hpp"
#include "runtime/hooks/real_operators.hpp"

namespace memtrace::runtime {
namespace {

// Where nobody defines a form, but the plain one.
void* make_plain(std::size_t size, const void* caller) {
  if (real.object_operators.make != nullptr) return real.object_operators.make(size);
  void* const made = real.malloc(size == 0 ? 1 : size);
  return made != nullptr ? made : new_for_caller(caller)(size);
}

// As the C++ library does, once. nullptr where it fails; its own form knows what to do then.
void* make_aligned_plain(std::size_t size, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  if (!std::has_single_bit(align)) return nullptr;
  const std::size_t whole = ((size == 0 ? 1 : size) + align - 1) & ~(align - 1);
  return whole < size ? nullptr : real.aligned_alloc(align, whole);
}

using Operators = RealOperators RealFunctions::*;
constexpr Operators kObject = &RealFunctions::object_operators;
constexpr Operators kArray = &RealFunctions::array_operators;

[[gnu::noinline, gnu::cold]] void* new_or_throw(const RealOperators& operators, std::size_t size,
                                                const void* caller) {
  return operators.make != nullptr ? operators.make(size) : new_for_caller(caller)(size);
}

template <Operators operators>
[[gnu::noinline]] void* traced_new(std::size_t size) {
  void* const made = traced_allocation(size, [=] { return real.malloc(size == 0 ? 1 : size); });
  if (made != nullptr) [[likely]]
    return made;
  return new_or_throw(real.*operators, size, __builtin_return_address(0));
}

template <Operators operators>
[[gnu::noinline]] void* foreign_new(std::size_t size) {
  const auto make = (real.*operators).make;
  const void* const caller = __builtin_return_address(0);
  return foreign_allocation(
      size, [=] { return make != nullptr ? make(size) : make_plain(size, caller); });
}

// Each way ends with a jump.
template <Operators operators>
[[gnu::always_inline]] inline void* new_object(std::size_t size) {
  if (!operators_are_malloc()) [[unlikely]]
    return foreign_new<operators>(size);
  if (passes_untraced(size)) {
    void* const made = real.malloc(size == 0 ? 1 : size);
    if (made != nullptr) return made;
  }
  return traced_new<operators>(size);
}

template <Operators operators>
[[gnu::always_inline]] inline void* new_or_null(std::size_t size, const std::nothrow_t& tag) {
  const auto make = (real.*operators).make_nothrow;
  if (operators_are_malloc()) [[likely]] {
    void* const made = traced_allocation(size, [=] { return real.malloc(size == 0 ? 1 : size); });
    return made != nullptr || make == nullptr ? made : make(size, tag);
  }
  const void* const caller = __builtin_return_address(0);
  return foreign_allocation(
      size, [&] { return make != nullptr ? make(size, tag) : make_plain(size, caller); });
}

[[gnu::noinline, gnu::cold]] void* new_aligned_or_throw(const RealOperators& operators,
                                                        std::size_t size,
                                                        std::align_val_t alignment,
                                                        const void* caller) {
  if (operators.make_aligned != nullptr) return operators.make_aligned(size, alignment);
  // No size can be had that is not there: what throws for that one throws for this one.
  constexpr std::size_t kImpossible = PTRDIFF_MAX;
  return new_for_caller(caller)(kImpossible);
}

template <Operators operators>
[[gnu::always_inline]] inline void* new_aligned(std::size_t size, std::align_val_t alignment) {
  const auto make = (real.*operators).make_aligned;
  void* made = nullptr;
  if (operators_are_malloc()) [[likely]] {
    made = traced_allocation(size, [=] { return make_aligned_plain(size, alignment); });
  } else {
    made = foreign_allocation(size, [=] {
      return make != nullptr ? make(size, alignment) : make_aligned_plain(size, alignment);
    });
  }
  if (made != nullptr) [[likely]]
    return made;
  return new_aligned_or_throw(real.*operators, size, alignment, __builtin_return_address(0));
}

template <Operators operators>
[[gnu::always_inline]] inline void* new_aligned_or_null(std::size_t size,
                                                        std::align_val_t alignment,
                                                        const std::nothrow_t& tag) {
  const auto make = (real.*operators).make_aligned_nothrow;
  if (operators_are_malloc()) [[likely]] {
    void* const made = traced_allocation(size, [=] { return make_aligned_plain(size, alignment); });
    return made != nullptr || make == nullptr ? made : make(size, alignment, tag);
  }
  return foreign_allocation(size, [&] {
    return make != nullptr ? make(size, alignment, tag) : make_aligned_plain(size, alignment);
  });
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the operators that stand here are the program's

#define MTRACE_HOOK __attribute__((visibility("default")))

MTRACE_HOOK void* operator new(std::size_t size) {
  return new_object<kObject>(size);
}

MTRACE_HOOK void* operator new[](std::size_t size) {
  return new_object<kArray>(size);
}

MTRACE_HOOK void* operator new(std::size_t size, std::align_val_t alignment) {
  return new_aligned<kObject>(size, alignment);
}

MTRACE_HOOK void* operator new[](std::size_t size, std::align_val_t alignment) {
  return new_aligned<kArray>(size, alignment);
}

MTRACE_HOOK void* operator new(std::size_t size, const std::nothrow_t& tag) noexcept {
  return new_or_null<kObject>(size, tag);
}

MTRACE_HOOK void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return new_or_null<kArray>(size, tag);
}

MTRACE_HOOK void* operator new(std::size_t size, std::align_val_t alignment,
                               const std::nothrow_t& tag) noexcept {
  return new_aligned_or_null<kObject>(size, alignment, tag);
}

MTRACE_HOOK void* operator new[](std::size_t size, std::align_val_t alignment,
                                 const std::nothrow_t& tag) noexcept {
  return new_aligned_or_null<kArray>(size, alignment, tag);
}
