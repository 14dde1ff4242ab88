#include "python/extension/tracing.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <array>

#include "python/extension/front_end.hpp"
#include "python/extension/references.hpp"
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

bool is_in_front(const HookedDomain& hooked) {
  return allocator_of(hooked.domain).allocate == support().hooks.allocate;
}

void put_in_front(HookedDomain& hooked) {
  runtime::InterpreterAllocator hooks = support().hooks;
  hooks.context = &hooked.allocator;
  set_allocator(hooked.domain, hooks);
}

void hook(HookedDomain& hooked) {
  // Somebody who had hooked behind us may have put ours back.
  if (is_in_front(hooked)) return;
  hooked.allocator.inner = allocator_of(hooked.domain);
  hooked.allocator.holds_lock = hooked.domain != PYMEM_DOMAIN_RAW;
  put_in_front(hooked);
}

bool all_in_front() {
  return std::all_of(hooked_domains.begin(), hooked_domains.end(), is_in_front);
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

void hooks_to_front() {
  for (HookedDomain& hooked : hooked_domains) put_in_front(hooked);
}

void hook_again() {
  for (HookedDomain& hooked : hooked_domains) hook(hooked);
}

void follow_or_say() {
  static bool is_said = false;
  if (follow_references() || is_said) return;
  is_said = true;
  PySys_WriteStderr(
      "mtrace: this Python does not tell of objects that come from its free lists: they keep the "
      "line "
      "of the first that lay there\n");
}

bool start_tracing(std::uint32_t frames, bool native) {
  if (!install_hooks()) return false;
  if (are_hooked) follow_or_say();
  return support().start(frames, native);
}

void stop_tracing() {
  support().stop();
  if (!are_hooked) return;
  leave_references();
  // Whoever has hooked in front of us goes on calling ours, and puts them back in the end.
  are_hooked = stay_hooked || !all_in_front();
  for (const HookedDomain& hooked : hooked_domains) {
    if (!are_hooked) set_allocator(hooked.domain, hooked.allocator.inner);
  }
  support().free_retired();
}

Untraced::Untraced() : was_(support().set_untraced(true)) {}

Untraced::~Untraced() {
  support().set_untraced(was_);
}

}  // namespace memtrace::python
