#include "python/extension/tracing.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <array>

#include "python/extension/front_end.hpp"
#include "runtime/interpreter/support.hpp"

namespace memtrace::python {
namespace {

const runtime::InterpreterSupport& support() {
  return *mtrace_interpreter_support();
}

struct HookedDomain {
  PyMemAllocatorDomain domain;
  runtime::HookedAllocator allocator;
};
// In the order in which tracemalloc hooks them. Never moved: blocks outlive the tracing.
std::array<HookedDomain, 3> hooked_domains = {
    {{PYMEM_DOMAIN_RAW, {}}, {PYMEM_DOMAIN_MEM, {}}, {PYMEM_DOMAIN_OBJ, {}}}};
bool are_hooked = false;
bool stay_hooked = false;

runtime::InterpreterAllocator allocator_of(PyMemAllocatorDomain domain) {
  PyMemAllocatorEx allocator;
  PyMem_GetAllocator(domain, &allocator);
  return {allocator.ctx, allocator.malloc, allocator.calloc, allocator.realloc, allocator.free};
}

void set_allocator(PyMemAllocatorDomain domain, const runtime::InterpreterAllocator& allocator) {
  PyMemAllocatorEx copy = {allocator.context, allocator.allocate, allocator.allocate_zeroed,
                           allocator.resize, allocator.release};
  PyMem_SetAllocator(domain, &copy);
}

void hook(HookedDomain& hooked) {
  const runtime::InterpreterAllocator inner = allocator_of(hooked.domain);
  // Somebody who had hooked behind us may have put ours back.
  if (inner.allocate == support().hooks.allocate) return;
  hooked.allocator.inner = inner;
  hooked.allocator.holds_lock = hooked.domain != PYMEM_DOMAIN_RAW;
  runtime::InterpreterAllocator hooks = support().hooks;
  hooks.context = &hooked.allocator;
  set_allocator(hooked.domain, hooks);
}

}  // namespace

bool install_hooks() {
  if (are_hooked) return true;
  if (PyThreadState_GetInterpreter(PyThreadState_Get()) != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_RuntimeError, "mtrace traces the main interpreter only");
    return false;
  }
  remember_main_interpreter();
  // Another copy of this library may have come first: its hooks do.
  if (!support().set_front_end(&kFrontEnd)) return true;
  for (HookedDomain& hooked : hooked_domains) hook(hooked);
  are_hooked = true;
  return true;
}

bool has_hooks() {
  return are_hooked;
}

void keep_hooks() {
  stay_hooked = true;
}

bool start_tracing(std::uint32_t frames, bool native) {
  return install_hooks() && support().start(frames, native);
}

void stop_tracing() {
  support().stop();
  if (!are_hooked) return;
  are_hooked = stay_hooked;
  for (const HookedDomain& hooked : hooked_domains) {
    if (!stay_hooked) set_allocator(hooked.domain, hooked.allocator.inner);
  }
  support().free_retired();
}

Untraced::Untraced() : was_(support().set_untraced(true)) {}

Untraced::~Untraced() {
  support().set_untraced(was_);
}

}  // namespace memtrace::python
