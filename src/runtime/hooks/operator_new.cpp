// All 20 forms of operator new and delete: here the 8 that allocate.
//
// The C++ library's own forms are malloc behind a loop that asks the new-handler; so a hook
// allocates with the real malloc, and only where that fails calls the next definition, which tries
// again, asks and throws. Without the guard: an exception leaves the hook as if nothing had been.
// Another allocator's forms (tcmalloc's, a library's of the program) are called for every block:
// first the one that does not throw, for the same reason.
#include "runtime/hooks/hook.hpp"
#include "runtime/hooks/real_functions.hpp"
#include "runtime/hooks/real_operators.hpp"

namespace memtrace::runtime {
namespace {

const std::nothrow_t kNoThrow{};

// nullptr where it fails.
[[gnu::always_inline]] inline void* try_new(const RealOperators& real_operators, std::size_t size) {
  if (operators_are_malloc()) [[likely]] {
    return traced_allocation(size, [=] { return real.malloc(size == 0 ? 1 : size); });
  }
  return traced_allocation(size, [&] { return real_operators.make_nothrow(size, kNoThrow); });
}

[[gnu::always_inline]] inline void* try_new(const RealOperators& real_operators, std::size_t size,
                                            std::align_val_t alignment) {
  if (operators_are_malloc()) [[likely]] {
    const auto align = static_cast<std::size_t>(alignment);
    // aligned_alloc() wants a multiple of the alignment.
    const std::size_t whole = ((size == 0 ? 1 : size) + align - 1) & ~(align - 1);
    if (whole < size) return nullptr;
    return traced_allocation(size, [=] { return real.aligned_alloc(align, whole); });
  }
  return traced_allocation(
      size, [&] { return real_operators.make_aligned_nothrow(size, alignment, kNoThrow); });
}

// What the next definition returned after all. The C++ library's has called a malloc that is
// hooked.
[[gnu::always_inline]] inline void* made_late(std::size_t size, void* pointer) {
  if (operators_are_malloc()) return pointer;
  return traced_allocation(size, [=] { return pointer; });
}

[[gnu::noinline, gnu::cold]] void* new_or_throw(const RealOperators& real_operators,
                                                std::size_t size, const void* caller) {
  const New make = real_operators.make;
  return made_late(size, make != nullptr ? make(size) : new_for_caller(caller)(size));
}

[[gnu::noinline, gnu::cold]] void* new_or_throw(const RealOperators& real_operators,
                                                std::size_t size, std::align_val_t alignment,
                                                const void* caller) {
  const NewAligned make = real_operators.make_aligned;
  // No size can be had that is not there: what throws for that one throws for this one.
  constexpr std::size_t kImpossible = PTRDIFF_MAX;
  return made_late(size,
                   make != nullptr ? make(size, alignment) : new_for_caller(caller)(kImpossible));
}

[[gnu::noinline, gnu::cold]] void* new_or_null(const RealOperators& real_operators,
                                               std::size_t size) {
  const NewNothrow make = real_operators.make_nothrow;
  return make == nullptr ? nullptr : made_late(size, make(size, kNoThrow));
}

[[gnu::noinline, gnu::cold]] void* new_or_null(const RealOperators& real_operators,
                                               std::size_t size, std::align_val_t alignment) {
  const NewAlignedNothrow make = real_operators.make_aligned_nothrow;
  return make == nullptr ? nullptr : made_late(size, make(size, alignment, kNoThrow));
}

template <const RealOperators& (*real_operators)()>
[[gnu::noinline]] void* traced_new(std::size_t size) {
  void* const made = try_new(real_operators(), size);
  if (made != nullptr) [[likely]]
    return made;
  return new_or_throw(real_operators(), size, __builtin_return_address(0));
}

// The two forms that nearly every block comes from end with a jump.
template <const RealOperators& (*real_operators)()>
[[gnu::always_inline]] inline void* new_object(std::size_t size) {
  if (operators_are_malloc() && passes_untraced(size)) {
    void* const made = real.malloc(size == 0 ? 1 : size);
    if (made != nullptr) return made;
  }
  return traced_new<real_operators>(size);
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the operators that stand here are the program's

#define MTRACE_HOOK __attribute__((visibility("default")))

MTRACE_HOOK void* operator new(std::size_t size) {
  return new_object<real_object_operators>(size);
}

MTRACE_HOOK void* operator new[](std::size_t size) {
  return new_object<real_array_operators>(size);
}

MTRACE_HOOK void* operator new(std::size_t size, std::align_val_t alignment) {
  void* const made = try_new(real_object_operators(), size, alignment);
  if (made != nullptr) [[likely]]
    return made;
  return new_or_throw(real_object_operators(), size, alignment, __builtin_return_address(0));
}

MTRACE_HOOK void* operator new[](std::size_t size, std::align_val_t alignment) {
  void* const made = try_new(real_array_operators(), size, alignment);
  if (made != nullptr) [[likely]]
    return made;
  return new_or_throw(real_array_operators(), size, alignment, __builtin_return_address(0));
}

MTRACE_HOOK void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  void* const made = try_new(real_object_operators(), size);
  return made != nullptr ? made : new_or_null(real_object_operators(), size);
}

MTRACE_HOOK void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  void* const made = try_new(real_array_operators(), size);
  return made != nullptr ? made : new_or_null(real_array_operators(), size);
}

MTRACE_HOOK void* operator new(std::size_t size, std::align_val_t alignment,
                               const std::nothrow_t& /*tag*/) noexcept {
  void* const made = try_new(real_object_operators(), size, alignment);
  return made != nullptr ? made : new_or_null(real_object_operators(), size, alignment);
}

MTRACE_HOOK void* operator new[](std::size_t size, std::align_val_t alignment,
                                 const std::nothrow_t& /*tag*/) noexcept {
  void* const made = try_new(real_array_operators(), size, alignment);
  return made != nullptr ? made : new_or_null(real_array_operators(), size, alignment);
}
