// The 12 forms of operator delete.
#include "runtime/hooks/hook.hpp"
#include "runtime/hooks/real_functions.hpp"
#include "runtime/hooks/real_operators.hpp"

namespace memtrace::runtime {
namespace {

// Another allocator's form may end in a free that is hooked: it is the same block's.
template <class Destroy>
[[gnu::noinline]] void release_foreign(void* pointer, Destroy destroy) {
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::traced) on_release(*thread, pointer);
  if (entry == HookEntry::nested) on_nested_release(pointer);
  if (entry == HookEntry::sampling) traced_release(pointer);
  destroy();
  if (entry == HookEntry::traced) leave_hook(*thread);
}

template <class Destroy>
[[gnu::always_inline]] inline void release(void* pointer, Destroy destroy) {
  if (operators_are_malloc()) [[likely]]
    return traced_free(pointer);
  if (pointer != nullptr) release_foreign(pointer, destroy);
}

}  // namespace
}  // namespace memtrace::runtime

using namespace memtrace::runtime;  // NOLINT: the operators that stand here are the program's

#define MTRACE_HOOK __attribute__((visibility("default")))

MTRACE_HOOK void operator delete(void* pointer) noexcept {
  release(pointer, [=] { real_object_operators().destroy(pointer); });
}

MTRACE_HOOK void operator delete[](void* pointer) noexcept {
  release(pointer, [=] { real_array_operators().destroy(pointer); });
}

MTRACE_HOOK void operator delete(void* pointer, std::size_t size) noexcept {
  release(pointer, [=] { real_object_operators().destroy_sized(pointer, size); });
}

MTRACE_HOOK void operator delete[](void* pointer, std::size_t size) noexcept {
  release(pointer, [=] { real_array_operators().destroy_sized(pointer, size); });
}

MTRACE_HOOK void operator delete(void* pointer, const std::nothrow_t& tag) noexcept {
  release(pointer, [&] { real_object_operators().destroy_nothrow(pointer, tag); });
}

MTRACE_HOOK void operator delete[](void* pointer, const std::nothrow_t& tag) noexcept {
  release(pointer, [&] { real_array_operators().destroy_nothrow(pointer, tag); });
}

MTRACE_HOOK void operator delete(void* pointer, std::align_val_t alignment) noexcept {
  release(pointer, [=] { real_object_operators().destroy_aligned(pointer, alignment); });
}

MTRACE_HOOK void operator delete[](void* pointer, std::align_val_t alignment) noexcept {
  release(pointer, [=] { real_array_operators().destroy_aligned(pointer, alignment); });
}

MTRACE_HOOK void operator delete(void* pointer, std::size_t size,
                                 std::align_val_t alignment) noexcept {
  release(pointer,
          [=] { real_object_operators().destroy_sized_aligned(pointer, size, alignment); });
}

MTRACE_HOOK void operator delete[](void* pointer, std::size_t size,
                                   std::align_val_t alignment) noexcept {
  release(pointer, [=] { real_array_operators().destroy_sized_aligned(pointer, size, alignment); });
}

MTRACE_HOOK void operator delete(void* pointer, std::align_val_t alignment,
                                 const std::nothrow_t& tag) noexcept {
  release(pointer,
          [&] { real_object_operators().destroy_aligned_nothrow(pointer, alignment, tag); });
}

MTRACE_HOOK void operator delete[](void* pointer, std::align_val_t alignment,
                                   const std::nothrow_t& tag) noexcept {
  release(pointer,
          [&] { real_array_operators().destroy_aligned_nothrow(pointer, alignment, tag); });
}
