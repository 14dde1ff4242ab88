// How the operators' hooks reach the definitions that they stand in front of.
#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include <bit>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "runtime/hooks/hook.hpp"
#include "runtime/os/real_functions.hpp"
#include "runtime/os/symbol_lookup.hpp"

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

namespace {

// The unwinder asks about every frame that it leaves. There is no language here that catches
// anything; but the guard is not to stay.
extern "C" [[gnu::used, gnu::visibility("hidden")]] _Unwind_Reason_Code mtrace_leave_guarded(
    int /*version*/, _Unwind_Action actions, _Unwind_Exception_Class /*language*/,
    _Unwind_Exception* /*exception*/, _Unwind_Context* /*context*/) {
  if ((actions & _UA_CLEANUP_PHASE) != 0) {
    local.nested_allocations = 0;
    local.guard = false;
  }
  return _URC_CONTINUE_UNWIND;
}

// One frame of its own, which says by whom the unwinder is to ask.
asm(R"(
  .pushsection .text
  .hidden mtrace_call_guarded
  .globl mtrace_call_guarded
  .type mtrace_call_guarded, @function
  .p2align 4
mtrace_call_guarded:
  .cfi_startproc
  .cfi_personality 0x1b, mtrace_leave_guarded
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  popq %rbp
  .cfi_def_cfa %rsp, 8
  retq
  .cfi_endproc
  .size mtrace_call_guarded, . - mtrace_call_guarded
  .popsection
)");

constexpr SymbolName kNew = {"_Znwm", {}};

struct NewSearch {
  const DynamicSymbols* caller;
  void* found = nullptr;
};

// What the caller was linked with; failing that, anybody's.
int look_for_new(dl_phdr_info* information, std::size_t /*size*/, void* argument) {
  auto& search = *static_cast<NewSearch*>(argument);
  link_map object{};
  object.l_addr = information->dlpi_addr;
  for (std::size_t i = 0; i < information->dlpi_phnum; ++i) {
    const Elf64_Phdr& segment = information->dlpi_phdr[i];
    if (segment.p_type != PT_DYNAMIC) continue;
    object.l_ld = reinterpret_cast<Elf64_Dyn*>(object.l_addr + segment.p_vaddr);
  }
  if (object.l_ld == own_object()->l_ld) return 0;
  const DynamicSymbols symbols(object);
  const Definition made = symbols.find(kNew);
  if (made.address == nullptr) return 0;
  const bool is_meant = search.caller->needs(symbols.soname());
  if (is_meant || search.found == nullptr) search.found = made.address;
  return is_meant ? 1 : 0;
}

}  // namespace

void count_nested_foreign(ThreadState& thread, void* pointer) {
  const std::uint32_t nested = local.nested_allocations;
  if (nested == 0) return;
  local.nested_allocations = 0;
  // One that failed threw, and caught, an exception inside of it.
  if (pointer == nullptr) return;
  void* const last = local.last_nested;
  const auto distance =
      reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(last);
  const bool is_part = distance == 0 || distance < real.malloc_usable_size(last);
  thread.losses.dropped_blocks += nested - (is_part ? 1U : 0U);
}

// The objects may be others every time, and somebody may be loading one.
New new_for_caller(const void* return_address) {
  dl_find_object caller;
  if (_dl_find_object(const_cast<void*>(return_address), &caller) != 0) std::abort();
  const DynamicSymbols symbols(*caller.dlfo_link_map);
  NewSearch search{&symbols, symbols.find(kNew).address};
  if (search.found == nullptr) dl_iterate_phdr(look_for_new, &search);
  if (search.found == nullptr) std::abort();
  return reinterpret_cast<New>(search.found);
}

// All 20 forms of operator new and delete: here the 8 that allocate.
//
// The C++ library's own forms are malloc behind a loop that asks the new-handler; so a hook
// allocates with the real malloc, and only where that fails calls the next definition, which tries
// again, asks and throws. Without the guard: an exception leaves the hook as if nothing had been.
// Another allocator's forms (tcmalloc's, a library's of the program) are called for every block.

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

namespace memtrace::runtime {

// The 12 forms of operator delete.

namespace {

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
