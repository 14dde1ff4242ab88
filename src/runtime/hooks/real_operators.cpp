#include "runtime/hooks/real_operators.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unwind.h>

#include <cstdlib>

#include "runtime/os/symbol_lookup.hpp"

namespace memtrace::runtime {
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
  const SymbolTable* caller;
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
  const SymbolTable symbols(object);
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
  const SymbolTable symbols(*caller.dlfo_link_map);
  NewSearch search{&symbols, symbols.find(kNew).address};
  if (search.found == nullptr) dl_iterate_phdr(look_for_new, &search);
  if (search.found == nullptr) std::abort();
  return reinterpret_cast<New>(search.found);
}

}  // namespace memtrace::runtime
