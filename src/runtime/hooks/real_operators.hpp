// The definitions of operator new and delete that the hooks stand in front of.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace memtrace::runtime {

using New = void* (*)(std::size_t);
using NewNothrow = void* (*)(std::size_t, const std::nothrow_t&);
using NewAligned = void* (*)(std::size_t, std::align_val_t);
using NewAlignedNothrow = void* (*)(std::size_t, std::align_val_t, const std::nothrow_t&);
using Delete = void (*)(void*);
using DeleteSized = void (*)(void*, std::size_t);
using DeleteNothrow = void (*)(void*, const std::nothrow_t&);
using DeleteAligned = void (*)(void*, std::align_val_t);
using DeleteSizedAligned = void (*)(void*, std::size_t, std::align_val_t);
using DeleteAlignedNothrow = void (*)(void*, std::align_val_t, const std::nothrow_t&);

// For one object, or for an array.
struct RealOperators {
  New make;
  NewNothrow make_nothrow;
  NewAligned make_aligned;
  NewAlignedNothrow make_aligned_nothrow;
  Delete destroy;
  DeleteSized destroy_sized;
  DeleteNothrow destroy_nothrow;
  DeleteAligned destroy_aligned;
  DeleteSizedAligned destroy_sized_aligned;
  DeleteAlignedNothrow destroy_aligned_nothrow;
};

enum class OperatorKind : std::uint8_t {
  unknown,
  malloc_and_free,  // the C++ library's, on top of the malloc that is hooked; or nobody's
  foreign,
};
[[gnu::visibility("hidden")]] extern constinit std::atomic<OperatorKind> operator_kind;

// What is there at the first call; the same from then on.
const RealOperators& real_object_operators();
const RealOperators& real_array_operators();
OperatorKind find_operator_kind();

inline bool operators_are_malloc() {
  const OperatorKind kind = operator_kind.load(std::memory_order_acquire);
  if (kind == OperatorKind::malloc_and_free) [[likely]]
    return true;
  return kind == OperatorKind::unknown && find_operator_kind() == OperatorKind::malloc_and_free;
}

// The operator new that a library, which was loaded into a program without one, means: by the
// address of a call in it. Does not come back where there is none: there is nobody to throw.
New new_for_caller(const void* return_address);

}  // namespace memtrace::runtime
