// How the operators' hooks reach the definitions that they stand in front of.
#pragma once

#include <cstddef>
#include <new>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"

namespace memtrace::runtime {

inline OperatorKind current_operator_kind() {
  OperatorKind kind = operator_kind.load(std::memory_order_acquire);
  if (kind == OperatorKind::unknown) [[unlikely]] {
    find_real_functions();
    kind = operator_kind.load(std::memory_order_acquire);
  }
  return kind;
}

// The C++ library's forms are malloc behind a loop that asks the new-handler; and its malloc is
// ours.
inline bool operators_are_malloc() {
  return current_operator_kind() == OperatorKind::malloc_and_free;
}

using New = void* (*)(std::size_t);

// The operator new that a library, which was loaded into a program without one, means: by the
// address of a call in it. Does not come back where there is none: there is nobody to throw.
New new_for_caller(const void* return_address);

// Calls function(argument) with the guard set. Where an exception leaves it, or the thread is
// cancelled in it, the guard is not left set.
extern "C" [[gnu::visibility("hidden")]] void* mtrace_call_guarded(void* (*function)(void*),
                                                                   void* argument);

template <class Call>
[[gnu::always_inline]] inline void* call_guarded(Call& call) {
  return mtrace_call_guarded([](void* given) -> void* { return (*static_cast<Call*>(given))(); },
                             &call);
}

// What was allocated inside of a foreign form is what it returns where that lies in it: it may keep
// something in front of its blocks, or cut several out of one.
void count_nested_foreign(ThreadState& thread, void* pointer);

// The whole of a hook whose block comes from somebody else's form: the very same form is called, as
// every other one may lead back to a hook. It may throw.
template <class Make>
[[gnu::always_inline]] inline void* foreign_allocation(std::size_t size, Make make) {
  if (current_operator_kind() == OperatorKind::replaced) return make();
  // Called by another form, which counts what it returns; a malloc behind it says so itself.
  if (local.guard) return make();
  ThreadState* thread = nullptr;
  const HookEntry entry = enter_hook(thread);
  if (entry == HookEntry::off) return make();
  if (entry == HookEntry::sampling) {
    void* const pointer = allocate_sampled_once([&] { return call_guarded(make); });
    sample_allocation(pointer, size);
    return pointer;
  }
  void* const pointer = call_guarded(make);
  count_nested_foreign(*thread, pointer);
  if (pointer != nullptr) on_allocation(*thread, pointer, size, caller_registers());
  leave_hook(*thread);
  return pointer;
}

// The same for one that frees. A hooked free that it ends in may be the same block's.
template <class Destroy>
[[gnu::always_inline]] inline void foreign_release(void* pointer, Destroy destroy) {
  ThreadState* thread = nullptr;
  HookEntry entry = HookEntry::off;
  if (current_operator_kind() != OperatorKind::replaced) {
    entry = local.guard ? HookEntry::nested : enter_hook(thread);
  }
  if (entry == HookEntry::off) return destroy();
  if (entry == HookEntry::nested) {
    on_nested_release(pointer);
    return destroy();
  }
  if (entry == HookEntry::traced) on_release(*thread, pointer);
  if (entry == HookEntry::sampling) {
    if (may_be_sampled(pointer)) release_sample(pointer);
    local.guard = true;
  }
  destroy();
  if (entry == HookEntry::traced) return leave_hook(*thread);
  local.guard = false;
}

}  // namespace memtrace::runtime
